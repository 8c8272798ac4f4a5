"""The types that exporters and pipelines exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Outcome(NamedTuple):
    """
    What became of one attempt to export.

    Attributes:
        kind: ``"ok"``; ``"retry"``, where the same records may be taken later; or ``"rejected"``.
        reason: What it is counted and logged by, such as ``http_503``, ``timeout`` or ``partial``.
        message: One line for people, without secrets.
        retry_after: How long the server asked to wait, in seconds.
        dropped: How many records the server left out of those it took.
        taken: With ``"retry"``, how many from the first one on are settled all the same.
    """

    kind: str
    reason: str = ""
    message: str = ""
    retry_after: float | None = None
    dropped: int = 0
    taken: int = 0


class Exporter(Protocol):
    """Sends records of one signal somewhere: spans, log records or collected metrics. Never raises."""

    @property
    def name(self) -> str:
        """What it is called in logs and counters."""

    @property
    def what(self) -> str:
        """What it sends, in the plural."""

    @property
    def place(self) -> str:
        """The server, without what is secret; those of one place fail together."""

    def export(self, records: Sequence[Any], timeout: float) -> Outcome:
        """Make one attempt, within so many seconds."""

    def shutdown(self) -> None:
        """Let go of connections."""
