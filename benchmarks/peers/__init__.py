"""Who is measured. To add a peer, add a module here and name its class below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.peers.bare import Bare
from benchmarks.peers.datadog import Datadog
from benchmarks.peers.elastic import Elastic
from benchmarks.peers.llm import OpenInference, Traceloop
from benchmarks.peers.logfire import Logfire
from benchmarks.peers.new_relic import NewRelic
from benchmarks.peers.opentelemetry import Contrib, Ours
from benchmarks.peers.sentry import Sentry

if TYPE_CHECKING:
    from benchmarks.model import Peer

PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Bare(),
        Ours(),
        Contrib(),
        Datadog(),
        Logfire(),
        Elastic(),
        Sentry(),
        NewRelic(),
        OpenInference(),
        Traceloop(),
    )
}
