"""The program without tracing: what all others are compared with."""

from __future__ import annotations

from benchmarks.model import Peer


class Bare(Peer):
    """No tracing."""

    name = "bare"
    title = "bare"
    loader = "sys"  # there already, so that nothing is compared with something
    how = "no tracing"

    def environment(self, url: str, *, sampled: bool) -> dict[str, str]:  # noqa: ARG002
        """None."""
        return {}
