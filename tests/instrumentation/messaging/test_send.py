"""Sending in layers: the outer function is the span, the inner one carries the trace context."""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from eai_autotrace.instrumentation import Carry, Send, SendOperation


def _outer(_exchange, body, headers=None):
    return None if body == "quiet" else SendOperation(f"publish {body}", SpanKind.PRODUCER)


def _inner(_channel, body, headers=None):
    return SendOperation(f"basic_publish {body}", SpanKind.PRODUCER, is_private=body == "private")


def _put(_channel, own, added, is_private):
    if is_private:
        own.update(added)
        return own
    return {**(own or {}), **added}


def _result(sending, result):
    return {"eai.messaging.publish.outcome": f"{result}, {len(sending.sent)} headers"}


def _failure(_sending, error):
    return {"eai.messaging.publish.outcome": type(error).__name__}


def _targets(**more):
    return (
        lambda module: Send(module, "Exchange.publish", _outer, _result, _failure, **more),
        lambda module: Send(
            module,
            "Channel.basic_publish",
            _inner,
            _result,
            _failure,
            Carry("headers", _put),
            **more,
        ),
    )


def _span(name, outcome, **attributes):
    return {
        "name": name,
        "kind": "PRODUCER",
        "parent": None,
        "attributes": {"eai.messaging.publish.outcome": outcome, **attributes},
        "status": "ERROR" if attributes else "UNSET",
        "links": [],
    }


@pytest.fixture
def exchange(instrument, library):
    """An exchange whose publishing is traced."""
    instrument(*_targets())
    return library.Exchange(library.Channel())


async def test_two_layers_are_one_span(exchange, spans):
    """The outer call is the span; the message carries its context; the caller's headers stay."""
    own = {"own": "1"}

    assert await exchange.publish("a", own) == "confirmed"

    ((_, headers),) = exchange.channel.sent
    (span,) = spans.ended
    context = span.get_span_context()
    assert spans() == [_span("publish a", "confirmed, 2 headers")]
    assert own == {"own": "1"}
    assert headers == {
        "own": "1",
        "traceparent": f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}",
    }


async def test_the_inner_function_alone(exchange, spans):
    """Called by the application itself, the inner function is the span."""
    await exchange.channel.basic_publish("a")

    assert spans() == [_span("basic_publish a", "confirmed, 1 headers")]


async def test_a_private_argument_is_changed_in_place(exchange):
    """An argument that is made for this call alone gets the context, and is no copy."""
    own = {}
    await exchange.channel.basic_publish("private", own)

    assert list(own) == ["traceparent"]
    assert exchange.channel.sent[0][1] is own


async def test_a_failure(exchange, spans):
    """The library's exception comes out, and the span tells what it means."""
    with pytest.raises(ConnectionError, match="secret"):
        await exchange.publish("refused")

    expected = {"error.type": "ConnectionError"}
    assert spans() == [_span("publish refused", "ConnectionError", **expected)]


async def test_what_is_not_described(exchange, spans):
    """Where the outer call is no span, the inner one is."""
    await exchange.publish("quiet")

    assert [span["name"] for span in spans()] == ["basic_publish quiet"]


async def test_what_the_library_changes_is_put_back(instrument, library):
    """What the library changes in a copy is changed in the caller's object afterwards."""
    changed = []
    carry = Carry("headers", _put, lambda own, carried: changed.append((own, carried)))
    instrument(lambda module: Send(module, "Channel.basic_publish", _inner, carry=carry))
    channel, own = library.Channel(), {"own": "1"}

    await channel.basic_publish("a", own)

    ((given, carried),) = changed
    assert given is own
    assert carried is channel.sent[0][1]


async def test_a_hook(instrument, library):
    """The user's function gets the outer span and its arguments, before the message is sent."""
    seen = []

    def hook(span, _exchange, body, **_):
        seen.append((span.name, body))

    instrument(*_targets(hook=hook))
    await library.Exchange(library.Channel()).publish("a")

    assert seen == [("publish a", "a")]


@pytest.mark.parametrize("part", ["describe", "put", "result", "failure", "hook"])
async def test_our_failure_is_invisible(instrument, library, lenient, part):
    """Whichever function of ours raises, messages are sent and exceptions come out."""

    def raising(*_, **__):
        raise ZeroDivisionError("ours")

    parts = {"describe": _inner, "put": _put, "result": _result, "failure": _failure, "hook": None}
    parts[part] = raising
    carry = Carry("headers", parts.pop("put"))
    instrument(lambda module: Send(module, "Channel.basic_publish", carry=carry, **parts))
    channel = library.Channel()

    assert await channel.basic_publish("a") == "confirmed"
    with pytest.raises(ConnectionError, match="secret"):
        await channel.basic_publish("refused")

    assert [body for body, _ in channel.sent] == ["a"]
    assert not trace.get_current_span().get_span_context().is_valid


async def test_it_is_undone(instrument, library, spans):
    """Without the instrumentor, messages are sent as they are."""
    instrument(*_targets()).uninstrument()
    channel = library.Channel()
    await library.Exchange(channel).publish("a")

    assert (channel.sent, spans()) == ([("a", None)], [])
