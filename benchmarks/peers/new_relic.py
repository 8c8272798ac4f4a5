"""New Relic's agent."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from benchmarks.environments import CERTIFICATE
from benchmarks.model import NO_AIO_PIKA, Peer

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


class NewRelic(Peer):
    """Started by ``newrelic-admin``; sends to a collector, always over TLS."""

    name = "newrelic"
    title = "New Relic"
    distribution = "newrelic"
    requirements = ("newrelic",)
    sink = "newrelic"
    wrapper = ("newrelic-admin", "run-program")
    spans = {"root": 1, "fastapi": 4, "query": 1, "cursor": 43, "chat": 1, "stream": 1}
    reasons = {"publish": NO_AIO_PIKA, "consume": NO_AIO_PIKA}
    how = (
        "`newrelic-admin run-program`, to a collector over TLS; sampler `always_on`, "
        "reservoirs that never overflow in a round"
    )

    def environment(self, url: str, *, sampled: bool) -> dict[str, str]:
        """The collector's address and certificate, and the sampler."""
        address = urlsplit(url)
        return {
            "NEW_RELIC_APP_NAME": "benchmark",
            "NEW_RELIC_LICENSE_KEY": "0" * 40,
            "NEW_RELIC_HOST": str(address.hostname),
            "NEW_RELIC_PORT": str(address.port),
            "NEW_RELIC_CA_BUNDLE_PATH": str(CERTIFICATE),
            "NEW_RELIC_STARTUP_TIMEOUT": "30",
            "NEW_RELIC_SPAN_EVENTS_MAX_SAMPLES_STORED": "100000",
            "NEW_RELIC_DISTRIBUTED_TRACING_SAMPLER_ROOT": "always_on" if sampled else "always_off",
        }

    def start(self) -> None:
        """Be connected before the first request: nothing is recorded until then."""
        import newrelic.agent

        newrelic.agent.register_application(timeout=30)

    def root(self) -> AbstractContextManager[object]:
        """A background transaction."""
        import newrelic.agent

        return newrelic.agent.BackgroundTask(newrelic.agent.application(), name="root")

    def flush(self) -> None:
        """Have both of its harvests now."""
        from newrelic.core.agent import agent_instance

        application = agent_instance().application("benchmark")
        application.harvest(flexible=True)
        application.harvest(flexible=False)
