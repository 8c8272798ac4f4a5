"""asyncpg's callbacks for notifications (LISTEN and NOTIFY)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind

from eai_autotrace.instrumentation import Dispatch, Operation, Registration, TracedCallback
from eai_autotrace.semconv.attributes import DB_OPERATION_NAME, EAI_DB_NOTIFICATION_CHANNEL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.trace import Link

    from eai_autotrace.instrumentors._asyncpg.sessions import Sessions

    Trace = Callable[[Callable[..., Any]], TracedCallback]

_CONNECTION: Final = "asyncpg.connection"


class Notifications:
    """
    Describes the calls of callbacks for notifications.

    Args:
        sessions: The connections.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def targets(self) -> tuple[Registration | Dispatch, ...]:
        """The functions to patch: one registers callbacks, one calls them."""
        return (
            Registration(
                _CONNECTION, "Connection.add_listener", self._describe, self._replace_added
            ),
            Dispatch(
                _CONNECTION, "Connection._process_notification", self._describe, self._replace_all
            ),
        )

    def _describe(self, args: tuple[Any, ...], links: Sequence[Link]) -> Operation:
        connection, _, channel = args[:3]
        # Callbacks of a pooled connection get the pool's proxy.
        server = self._sessions.of(getattr(connection, "_con", None) or connection).server
        attributes = {
            **server.attributes,
            DB_OPERATION_NAME: "NOTIFY",
            EAI_DB_NOTIFICATION_CHANNEL: channel,
        }
        return Operation("NOTIFY", SpanKind.CONSUMER, attributes, Context(), links)

    def _replace_added(self, trace: Trace, connection: Any, channel: str, callback: Any) -> None:
        kept = connection._listeners.get(channel, ())  # noqa: SLF001
        for found in [found for found in kept if found.cb == callback]:
            _replace(trace, kept, found)

    def _replace_all(
        self,
        trace: Trace,
        connection: Any,
        pid: int,  # noqa: ARG002 - the signature of the method
        channel: str,
        payload: str,  # noqa: ARG002
    ) -> None:
        kept = connection._listeners.get(channel, ())  # noqa: SLF001
        for found in list(kept):
            _replace(trace, kept, found)


def _replace(trace: Trace, kept: Any, found: Any) -> None:
    if not isinstance(found.cb, TracedCallback):
        # Equal to the one it replaces, which a set would keep.
        kept.discard(found)
        kept.add(found._replace(cb=trace(found.cb)))
