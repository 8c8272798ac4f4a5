"""The door to OpenTelemetry's context: its keys, suppression, and current operations."""

from __future__ import annotations

import asyncio
import contextvars

import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as api
from opentelemetry.context import Context, set_value
from opentelemetry.instrumentation.utils import (
    suppress_http_instrumentation,
    suppress_instrumentation,
)

from eai_autotrace.instrumentation import context
from eai_autotrace.instrumentation.context import Current


def test_the_keys_are_opentelemetrys():
    """Span and baggage stand under the keys that OpenTelemetry's own functions use."""
    span = trace.NonRecordingSpan(trace.SpanContext(1, 2, is_remote=False))
    found = baggage.set_baggage("a", "b", trace.set_span_in_context(span, Context()))

    assert found == {context.SPAN_KEY: span, context.BAGGAGE_KEY: {"a": "b"}}


def test_suppression():
    """Both of OpenTelemetry's keys suppress, the one for HTTP clients only those."""
    assert (context.is_suppressed(), context.is_http_suppressed()) == (False, False)
    with suppress_instrumentation():
        assert (context.is_suppressed(), context.is_http_suppressed()) == (True, False)
    with suppress_http_instrumentation():
        assert (context.is_suppressed(), context.is_http_suppressed()) == (False, True)
    assert context.suppresses(set_value("suppress_instrumentation", "yes", Context()))
    assert not context.suppresses(Context())


def test_a_current_operation():
    """It is current from `set` to `reset`; one of another kind is not touched."""
    outer, other = Current("toy"), Current("other toy")

    token = outer.set("operation")
    assert (outer.get(), other.get()) == ("operation", None)
    outer.reset(token)
    outer.reset(None)

    assert outer.get() is None


async def test_a_current_operation_of_another_task():
    """Other tasks do not see it; those that it starts do."""
    current = Current("toy")

    async def get():
        return current.get()

    async def use():
        current.set("operation")
        return await asyncio.create_task(get())

    assert [await asyncio.create_task(use()), await get()] == ["operation", None]


@pytest.mark.parametrize("reset", [True, False])
def test_a_reset_elsewhere_is_harmless(reset):
    """A coroutine that the garbage collector closes resets it in a context that never set it."""
    current = Current("toy")
    token = contextvars.copy_context().run(current.set, "operation")

    current.reset(token if reset else None)

    assert current.get() is None


def test_what_is_set_to_nothing_suppresses_nothing():
    """A key with a false value does not suppress, and each of the two keys does alone."""
    with suppress_instrumentation():
        both = context.get_current()
    with suppress_http_instrumentation():
        http = context.get_current()
    neither = Context(dict.fromkeys([*both, *http], False))

    assert not context.suppresses(neither)
    assert context.suppresses(set_value("suppress_instrumentation", "", both))
    token = context.attach(neither)
    try:
        assert (context.is_suppressed(), context.is_http_suppressed()) == (False, False)
    finally:
        context.detach(token)


def test_the_door_leads_to_opentelemetrys_context():
    """What is attached here is current there, and the other way round; the root holds nothing."""
    mine, theirs = set_value("a", 1, Context()), set_value("b", 2, Context())
    before = api.get_current()

    token = context.attach(mine)
    seen = [api.get_current(), context.get_current()]
    other = api.attach(theirs)
    seen.append(context.get_current())
    api.detach(other)
    context.detach(token)

    assert seen == [mine, mine, theirs]
    assert (context.get_current(), context.ROOT) == (before, {})


def test_to_look_for_a_key_changes_nothing():
    """The context in which a key is read off is as it was."""
    token = context.attach(set_value("a", 1, Context()))
    try:
        keys = context._keys_set_by(suppress_http_instrumentation())
        assert ("a" in keys, context.get_current()) == (False, {"a": 1})
    finally:
        context.detach(token)


def test_currents_are_nested():
    """Resetting the inner one makes the outer one current again."""
    current = Current("toy")

    outer = current.set("outer")
    inner = current.set("inner")
    seen = [current.get()]
    current.reset(inner)
    seen.append(current.get())
    current.reset(outer)

    assert [*seen, current.get()] == ["inner", "outer", None]
