from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pytest
from opentelemetry import baggage, propagate, trace
from opentelemetry.context import Context, get_value, set_value
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

from eai_autotrace.instrumentation import propagation

TRACE, SPAN = int("1" * 32, 16), int("2" * 16, 16)


def _context(trace_id=TRACE, span_id=SPAN, flags=1, state=(), bags=None):
    own = SpanContext(trace_id, span_id, False, TraceFlags(flags), TraceState(state))  # noqa: FBT003
    context = trace.set_span_in_context(NonRecordingSpan(own), Context())
    for name, value in (bags or {}).items():
        context = baggage.set_baggage(name, value, context)
    return context


CONTEXTS = {
    "empty": Context(),
    "sampled": _context(),
    "not sampled": _context(flags=0),
    "random": _context(flags=3),
    "small ids": _context(1, 2),
    "no trace": _context(trace_id=0),
    "no span": _context(span_id=0),
    "state": _context(state=[("vendor", "1")]),
    "baggage": _context(bags={"tenant": "7"}),
}


@pytest.mark.parametrize("name", CONTEXTS)
def test_what_is_injected(name):
    """
    The headers are those that the configured propagator writes.
    """
    expected = {}
    propagate.inject(expected, CONTEXTS[name])

    assert propagation.inject(CONTEXTS[name]) == expected


VALID = f"00-{TRACE:032x}-{SPAN:016x}-01"
HEADERS = {
    "none": None,
    "empty": {},
    "others": {"own": "1"},
    "valid": {"traceparent": VALID},
    "not sampled": {"traceparent": VALID[:-1] + "0"},
    "all flags": {"traceparent": VALID[:-2] + "ff"},
    "no trace": {"traceparent": f"00-{'0' * 32}-{SPAN:016x}-01"},
    "no span": {"traceparent": f"00-{TRACE:032x}-{'0' * 16}-01"},
    "upper case": {"traceparent": VALID.replace("1", "A")},
    "other version": {"traceparent": "01" + VALID[2:]},
    "last version": {"traceparent": "ff" + VALID[2:]},
    "longer": {"traceparent": VALID + "-more"},
    "spaces": {"traceparent": f" {VALID} "},
    "state": {"traceparent": VALID, "tracestate": "vendor=1"},
    "baggage": {"traceparent": VALID, "baggage": "tenant=7"},
    "baggage alone": {"baggage": "tenant=7"},
    "state alone": {"tracestate": "vendor=1"},
}


def _plain(context):
    span = trace.get_current_span(context).get_span_context()
    return tuple(span), dict(span.trace_state), dict(baggage.get_all(context))


@pytest.mark.parametrize("name", HEADERS)
def test_what_is_extracted(name):
    """
    The context is the one that the configured propagator reads.
    """
    headers = HEADERS[name]
    expected = propagate.extract(headers or {}, Context())

    found = propagation.extract(headers)

    assert _plain(found) == _plain(expected)


@dataclass
class Own(TextMapPropagator):
    """One of the program's, in a header of its own; like all that compare by value, without a hash."""

    fields: tuple[str, ...] = ("X-Own",)

    def extract(self, carrier, context=None, getter=None):
        return set_value("own", carrier["X-Own"], context)

    def inject(self, carrier, context=None, setter=None):
        carrier["X-Own"] = get_value("own", context)


def test_a_propagator_of_the_program():
    """
    Any propagator reads and writes, from the moment it is set.
    """
    before = propagate.get_global_textmap()
    try:
        for propagator in (Own(), before, Own()):
            propagate.set_global_textmap(propagator)
            is_own = propagator is not before

            found = propagation.extract({"X-Own": "1"})

            assert get_value("own", found) == ("1" if is_own else None)
            assert propagation.inject(found) == ({"X-Own": "1"} if is_own else {})
            assert (b"x-own" in propagation.current().names) == is_own
    finally:
        propagate.set_global_textmap(before)


@pytest.mark.parametrize("value", [7, None, ["x"], {"a": 1}, b"\xff"])
def test_a_header_that_is_no_text(value):
    """
    What is no text is no context.
    """
    found = propagation.extract({"traceparent": value})

    assert found == {}


def test_contexts_are_read_and_made_as_their_class_does():
    """
    What reads and makes contexts quickly gives what the properties and the class give.
    """
    context = SpanContext(TRACE, SPAN, True, TraceFlags(1), TraceState([("vendor", "1")]))  # noqa: FBT003
    made = propagation._make(TRACE, SPAN, TraceFlags(1))
    checked = propagation._checked(TRACE, SPAN, TraceFlags(1))

    assert tuple(propagation._parts(context)) == propagation._properties(context)
    assert (tuple(made), vars(made), type(made)) == (tuple(checked), vars(checked), type(checked))


def test_only_text_is_read_from_headers():
    """
    Headers of every type may come; text and bytes of text are carried, the rest is left out.
    """
    headers = {
        "text": "a",
        "bytes": b"b",
        "bytearray": bytearray(b"c"),
        "no text": b"\xff\xfe",
        "number": 1,
        "list": ["a"],
        "table": {"a": "b"},
        "none": None,
        "time": dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
        b"name": "d",
        1: "e",
    }

    assert propagation.text_headers(headers) == {"text": "a", "bytes": "b", "bytearray": "c"}
