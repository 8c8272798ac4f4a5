"""Calls of the RPC pattern, transactions, and connections."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import SpanKind

from eai_autotrace.instrumentation import Measure, Measures, Notice, Operation, Target
from eai_autotrace.instrumentation.messaging.process import CURRENT
from eai_autotrace.instrumentation.shapes.counts import Count
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
    from eai_autotrace.instrumentation.instrumentor import AnyTarget

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


def targets() -> tuple[AnyTarget, ...]:
    """The functions of the patterns, of transactions and of connections."""
    return (
        Target(_RPC, "RPC.call", _call, measures=_CALL),
        Notice(_RPC, "RPC.serialize_exception", _failed),
        Notice(_RPC, "JsonRPC.serialize_exception", _failed),
        Target("aiormq.channel", "Channel.tx_select", partial(_transaction, "select")),
        Target("aiormq.channel", "Channel.tx_commit", partial(_transaction, "commit")),
        Target("aiormq.channel", "Channel.tx_rollback", partial(_transaction, "rollback")),
        Count(
            "aiormq.connection", "Connection.connect", _connected, _CONNECTIONS, has_failures=True
        ),
        Count("aiormq.channel", "Channel.open", _opened, _CHANNELS, has_failures=True),
        Count("aio_pika.connection", "Connection.connect", _reconnected, _RECONNECTIONS),
        Count(
            "aio_pika.robust_connection", "RobustConnection.connect", _reconnected, _RECONNECTIONS
        ),
    )


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
        measured=(_SYSTEM, method_name, host, port),
    )


def _failed(_: Any, exception: BaseException) -> None:
    """The pattern catches what a method raises, and makes a reply of it."""
    handling = CURRENT.get()
    if handling is not None:
        handling.failure = exception


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
    """A connection that has another transport than it had before."""
    transport, known = connection.transport, vars(connection).get(_TRANSPORT)
    vars(connection)[_TRANSPORT] = transport
    if known is None or transport is None or known is transport:
        return None
    return messages.RABBITMQ, *url_of(connection)
