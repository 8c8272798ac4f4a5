"""Calls of the RPC pattern, transactions, and connections."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import SpanKind

from eai_autotrace.instrumentation import Call, Measure, Measures, Observe, Operation
from eai_autotrace.instrumentation.errors import is_cancellation
from eai_autotrace.instrumentation.messaging.process import CURRENT
from eai_autotrace.instrumentors._aio_pika.destination import BROKER_KNOWN, broker_of, url_of
from eai_autotrace.semconv import metrics
from eai_autotrace.semconv import rabbitmq as messages
from eai_autotrace.semconv.attributes import (
    ERROR_TYPE,
    MESSAGING_OPERATION_NAME,
    MESSAGING_SYSTEM,
    RPC_METHOD,
    RPC_SYSTEM_NAME,
    SERVER_ADDRESS,
    SERVER_PORT,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from eai_autotrace.instrumentation.metrics import Recorder
    from eai_autotrace.instrumentation.target import Target
    from eai_autotrace.instrumentation.tracing import Tracing
    from eai_autotrace.patching.patch import Patch

_RPC: Final = "aio_pika.patterns.rpc"
_SYSTEM: Final = "aio_pika"
_TRANSPORT: Final = "__eai_transport__"
_CALL: Final = Measures(
    (RPC_SYSTEM_NAME, RPC_METHOD, SERVER_ADDRESS, SERVER_PORT),
    (ERROR_TYPE,),
    (Measure(metrics.RPC_CLIENT_CALL_DURATION),),
)
_CONNECTIONS: Final = Measures(
    BROKER_KNOWN, (ERROR_TYPE,), (Measure(metrics.EAI_MESSAGING_CLIENT_CONNECTIONS, 1),)
)
_RECONNECTIONS: Final = Measures(
    BROKER_KNOWN, (), (Measure(metrics.EAI_MESSAGING_CLIENT_RECONNECTIONS, 1),)
)
_CHANNELS: Final = Measures(
    BROKER_KNOWN, (ERROR_TYPE,), (Measure(metrics.EAI_MESSAGING_CLIENT_CHANNELS, 1),)
)


def targets() -> tuple[Target, ...]:
    """The functions of the patterns, of transactions and of connections."""
    return (
        Call(_RPC, "RPC.call", _call, measures=_CALL),
        Observe(_RPC, "RPC.serialize_exception", after=_failed),
        Observe(_RPC, "JsonRPC.serialize_exception", after=_failed),
        Call("aiormq.channel", "Channel.tx_select", partial(_transaction, "select")),
        Call("aiormq.channel", "Channel.tx_commit", partial(_transaction, "commit")),
        Call("aiormq.channel", "Channel.tx_rollback", partial(_transaction, "rollback")),
        _Count(_connected, _CONNECTIONS).target("aiormq.connection", "Connection.connect"),
        _Count(_opened, _CHANNELS).target("aiormq.channel", "Channel.open"),
        *(
            _Count(_reconnected, _RECONNECTIONS, has_failures=False).target(module, path)
            for module, path in (
                ("aio_pika.connection", "Connection.connect"),
                ("aio_pika.robust_connection", "RobustConnection.connect"),
            )
        ),
    )


class _Count:
    """
    Counts the calls of a function; cancelled ones do not count.

    Args:
        values: Has the signature of the function, and is called after it. Gives the values of the
            ``start_keys``, or ``None`` for a call that is not counted.
        measures: What is counted.
        has_failures: Whether failed calls are counted.
    """

    def __init__(
        self,
        values: Callable[..., tuple[Any, ...] | None],
        measures: Measures,
        *,
        has_failures: bool = True,
    ) -> None:
        self._values = values
        self._measures = measures
        self._has_failures = has_failures
        self._tracing: Tracing | None = None
        self._recorder: Recorder | None = None

    def target(self, module: str, path: str) -> Observe:
        """What is patched."""
        return Observe(module, path, before=self._begun, prepare=self._prepare)

    def _prepare(self, tracing: Tracing, _: Patch) -> None:
        self._tracing = tracing
        self._recorder = tracing.recorder(self._measures)

    def _begun(self, *args: Any, **kwargs: Any) -> Callable[[Any, BaseException | None], None]:
        def ended(_: Any, error: BaseException | None) -> None:
            if error is not None and (is_cancellation(error) or not self._has_failures):
                return
            values = self._values(*args, **kwargs)
            if values is not None and self._tracing is not None and self._recorder is not None:
                learnt = {} if error is None else self._tracing.describe_error(error)
                self._recorder.end(values, learnt, 0, None)

        return ended


def _call(rpc: Any, method_name: str, *_: object, **__: object) -> Operation:
    """
    A call of the RPC pattern, from the request to the reply.

    Named by the conventions of RPC, https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans/.
    """
    host, port = broker_of(rpc.channel)
    return Operation(
        method_name,
        SpanKind.CLIENT,
        {
            RPC_SYSTEM_NAME: _SYSTEM,
            RPC_METHOD: method_name,
            MESSAGING_SYSTEM: messages.RABBITMQ,
            SERVER_ADDRESS: host,
            SERVER_PORT: port,
        },
        metric_values=(_SYSTEM, method_name, host, port),
    )


def _failed(_: Any, exception: BaseException) -> None:
    """Note an exception that the pattern catches and sends as a reply."""
    processing = CURRENT.get()
    if processing is not None:
        processing.failure = exception


def _transaction(step: str, channel: Any, *_: object, **__: object) -> Operation:
    host, port = broker_of(channel)
    name = f"tx.{step}"  # as AMQP calls it
    return Operation(
        name,
        SpanKind.CLIENT,
        {
            MESSAGING_SYSTEM: messages.RABBITMQ,
            MESSAGING_OPERATION_NAME: name,
            SERVER_ADDRESS: host,
            SERVER_PORT: port,
        },
    )


def _connected(connection: Any, *_: object, **__: object) -> tuple[Any, ...]:
    return messages.RABBITMQ, *url_of(connection)


def _opened(channel: Any, *_: object, **__: object) -> tuple[Any, ...]:
    return messages.RABBITMQ, *broker_of(channel)


def _reconnected(connection: Any, *_: object, **__: object) -> tuple[Any, ...] | None:
    """Count a connection whose transport has been replaced."""
    transport, known = connection.transport, vars(connection).get(_TRANSPORT)
    vars(connection)[_TRANSPORT] = transport
    if known is None or transport is None or known is transport:
        return None
    return messages.RABBITMQ, *url_of(connection)
