"""The vocabulary between exporters and the pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan


class Outcome(NamedTuple):
    """
    What became of one attempt to export.

    Attributes:
        kind: ``"ok"``; ``"retry"``, where the same spans may be taken later; or ``"rejected"``.
        reason: What it is counted and logged by, such as ``http_503``, ``timeout`` or ``partial``.
        message: One line for people, without secrets.
        retry_after: How long the server asked to wait, in seconds.
        dropped: How many spans the server left out of those it took.
        taken: With ``"retry"``, how many from the first one on are settled all the same.
    """

    kind: str
    reason: str = ""
    message: str = ""
    retry_after: float | None = None
    dropped: int = 0
    taken: int = 0


class SpanExporter(Protocol):
    """Sends spans somewhere. Never raises."""

    @property
    def name(self) -> str:
        """What it is called in logs and counters."""

    def export(self, spans: Sequence[ReadableSpan], timeout: float) -> Outcome:
        """Make one attempt, within so many seconds."""

    def shutdown(self) -> None:
        """Let go of connections."""
