"""The bytes mean what OpenTelemetry's own encoder means."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

from eai_autotrace.export.otlp import values as remembered
from eai_autotrace.export.otlp import wire
from eai_autotrace.export.otlp.spans import SpanEncoder

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 1, 127, 128, -1])
PLAIN = st.one_of(
    TEXT, st.booleans(), NUMBERS, st.floats(allow_nan=False), st.binary(max_size=9), st.none()
)
VALUES = st.recursive(
    PLAIN,
    lambda one: st.lists(one, max_size=3) | st.dictionaries(TEXT, one, max_size=3),
    max_leaves=3,
)
ATTRIBUTES = st.dictionaries(TEXT, VALUES, max_size=3)
TIMES = st.integers(0, 2**64 - 1)
STATES = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True),
    st.from_regex(r"[a-z0-9]{1,5}", fullmatch=True),
    max_size=3,
).map(lambda items: TraceState(list(items.items())))
CONTEXTS = st.builds(
    SpanContext,
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
    st.booleans(),
    st.integers(0, 3).map(TraceFlags),
    STATES,
)
SCOPES = [
    None,
    InstrumentationScope("plain"),
    InstrumentationScope("full", "1.0", "https://schema", {"a": 1, "b": ["x"]}),
]
RESOURCES = [
    Resource({}),
    Resource({"service.name": "s", "n": 1, "list": ["a", "b"]}, "https://resource"),
]


@st.composite
def _bounded(draw, strategy):
    """A list as the SDK has it, with what it has dropped."""
    found = BoundedList(2)
    found.extend(draw(st.lists(strategy, max_size=4)))
    return found


@st.composite
def _attributes(draw):
    found = BoundedAttributes(attributes=draw(ATTRIBUTES), extended_attributes=True)
    found.dropped = draw(st.integers(0, 300))
    return found


EVENTS = st.builds(Event, TEXT, ATTRIBUTES, TIMES)
LINKS = st.builds(Link, CONTEXTS, ATTRIBUTES)
STATUSES = st.sampled_from(
    [
        Status(),
        Status(StatusCode.OK),
        Status(StatusCode.ERROR),
        Status(StatusCode.ERROR, "what went wrong"),
    ]
)
SPANS = st.builds(
    ReadableSpan,
    name=TEXT,
    context=CONTEXTS,
    parent=st.none() | CONTEXTS,
    resource=st.sampled_from(RESOURCES),
    attributes=_attributes(),
    events=_bounded(EVENTS),
    links=_bounded(LINKS),
    kind=st.sampled_from(list(SpanKind)),
    status=STATUSES,
    start_time=TIMES,
    end_time=TIMES,
    instrumentation_scope=st.sampled_from(SCOPES),
)
encoder = SpanEncoder()


@settings(max_examples=100, deadline=None)
@given(st.lists(SPANS, max_size=3))
def test_it_means_what_the_official_encoder_means(spans):
    """
    For any spans the decoded message is the same, also from the memory of an earlier encoding.
    """
    expected = encode_spans(spans)

    for _ in range(2):
        assert ExportTraceServiceRequest.FromString(encoder.encode(spans)[0]) == expected


def _one(**attributes):
    return ReadableSpan(
        "x",
        SpanContext(1, 2, is_remote=False),
        attributes=attributes,
        resource=RESOURCES[0],
        start_time=1,
        end_time=2,
    )


def _decoded(span, encoder=None):
    message = ExportTraceServiceRequest.FromString((encoder or SpanEncoder()).encode([span])[0])
    return {a.key: a.value for a in message.resource_spans[0].scope_spans[0].spans[0].attributes}


class Odd:
    def __str__(self):
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\ud800b", "a?b"),
        (2**63, str(2**63)),
        (-(2**70), str(-(2**70))),
        ({1}, "{1}"),
        (Odd(), "<Odd>"),
    ],
)
def test_what_otlp_has_no_value_for_is_text(value, text):
    """
    Such a value does not cost the span, nor its other attributes.
    """
    found = _decoded(_one(odd=value, **{"a\ud800": 1, "b": 2}))

    assert found["odd"].string_value == text
    assert (found["a?"].int_value, found["b"].int_value) == (1, 2)


def test_equal_values_of_different_kinds_stay_apart():
    """
    1, 1.0 and True are equal, and known by their kinds all the same.
    """
    one = SpanEncoder()

    found = [_decoded(_one(n=value), one)["n"] for value in (1, True, 1.0, 1, "1")]

    assert [value.WhichOneof("value") for value in found] == [
        "int_value",
        "bool_value",
        "double_value",
        "int_value",
        "string_value",
    ]


@pytest.mark.parametrize("values", [(0.0, -0.0), ((1,), (True,)), ((1,), ("1",))])
def test_what_is_alike_in_a_dict_stays_apart(values):
    """
    Two zeros, and sequences of equal values of different kinds, are told apart.
    """
    one = SpanEncoder()

    found = [_decoded(_one(n=value), one)["n"] for value in values]

    assert found == [_decoded(_one(n=value), SpanEncoder())["n"] for value in values]
    assert str(found[0]) != str(found[1])


def test_what_comes_again_is_remembered():
    """
    Text, texts, numbers and booleans that come again are not encoded again.
    """
    pairs = remembered.KeyValues(b"\x4a")
    attributes = {"text": "a", "texts": ("a", "b"), "number": 7, "real": 0.2, "flag": True}
    first = pairs.encode(attributes)

    again = pairs.encode(dict(attributes))

    assert all(one is other for one, other in zip(first, again, strict=True))


def test_a_value_whose_comparisons_fail_is_encoded():
    """
    Values of a class of the user's, with a hash that raises or a list in it, are encoded all the same.
    """

    class Odd(str):
        __slots__ = ()

        def __hash__(self) -> int:
            raise RuntimeError

    pairs = remembered.KeyValues(b"\x4a")
    attributes = {"odd": Odd("text"), "list": ["a"], "number": 7}

    found = pairs.encode(attributes)

    plain = remembered.KeyValues(b"\x4a").encode({"odd": "text", "list": ("a",), "number": 7})
    assert found == plain


def test_the_memory_is_bounded():
    """
    Neither many values, nor many keys, nor long text fill it; what is encoded stays right.
    """
    pairs = remembered.KeyValues(b"\x4a")

    for number in range(5000):
        pairs.encode({"unique": f"v{number}", f"k{number}": "x", "long": "y" * 10_000})

    kept = list(pairs._texts.items())
    values = Counter(key for (key, _value), _pair in kept)
    assert 0 < len(values) <= remembered._MOST_KEYS
    assert max(values.values()) <= remembered._MOST_VALUES
    assert max(len(pair) for _item, pair in kept) <= remembered._LONGEST
    assert len(pairs._keys) <= remembered._MOST_KEYS
    assert len(pairs._kept) <= remembered._MOST_KEYS
    assert pairs.encode({"unique": "v1"}) == remembered.KeyValues(b"\x4a").encode({"unique": "v1"})


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, 2**32, 2**64 - 1])
def test_numbers_read_as_written(number):
    """
    A number of any length is read as it was written.
    """
    assert wire.fields(b"\x08" + wire.varint(number)) == [(1, number)]


@pytest.mark.parametrize("data", [b"\x08", b"\x08\xff", b"\x0a\x05ab", b"\x0b", b"\x09123"])
def test_what_is_no_message_is_told(data):
    """
    A server's broken answer is an error of its own kind, whatever is wrong with it.
    """
    with pytest.raises(ValueError, match="no protobuf message"):
        wire.fields(data)


def _loop():
    found = []
    found.append(found)
    return found


def _described_by(description):
    status = Status(StatusCode.ERROR, "x")
    status._description = description
    return status


MISTAKES = {
    "seconds for nanoseconds": {"start_time": 1.5},
    "a time before 1970": {"start_time": -1},
    "no number for a time": {"end_time": "now"},
    "infinitely late": {"end_time": float("inf")},
    "no text for a name": {"name": None},
    "a name that is no key": {"name": ["a"]},
    "a value in itself": {"attributes": {"k": 1, "loop": _loop()}},
    "an event at no time": {"events": [Event("e", {"k": 1}, 1.5)]},
    "an event of no name": {"events": [Event(5, {}, 1)]},
    "a link to a value in itself": {
        "links": [Link(SpanContext(7, 8, is_remote=False), {"loop": _loop()})]
    },
    "a state that is none": {"context": SpanContext(7, 8, is_remote=False, trace_state=[1])},
    "a description that is no text": {"status": _described_by(5)},
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_span_with_a_mistake_costs_nothing_else(name):
    """
    What an application got wrong about one span is mended; that span and its neighbours are sent.
    """
    good = {
        "name": "x",
        "context": SpanContext(1, 2, is_remote=False),
        "attributes": {"k": 1},
        "resource": RESOURCES[0],
        "start_time": 1,
        "end_time": 2,
    }
    broken = ReadableSpan(**{**good, **MISTAKES[name]})

    body, left_out = SpanEncoder().encode([_one(k=0), broken, _one(k=2)])

    sent = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans
    assert left_out == 0
    assert [one.attributes[0].value.int_value for one in sent] == [0, 1, 2]
    assert [len(one.events) for one in sent] == [0, "event" in name, 0]


def test_a_span_without_ids_is_counted():
    """
    Of a span that nothing can be told of the number is told.
    """
    broken = ReadableSpan("x", SpanContext(2**200, 1, is_remote=False), resource=RESOURCES[0])

    body, left_out = SpanEncoder().encode([_one(a=1), broken, _one(a=2)])

    sent = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans
    assert (len(sent), left_out) == (2, 1)


def test_the_program_has_its_turns_while_a_batch_is_encoded():
    """
    A thread of the program never waits for a whole batch, however long Python lets a thread run.
    """
    turns, is_over = [], threading.Event()

    def work():
        while not is_over.is_set():
            turns.append(time.monotonic())
            time.sleep(0)

    batch = [_one(k=number) for number in range(512)]
    interval = sys.getswitchinterval()
    thread = threading.Thread(target=work)
    thread.start()
    try:
        sys.setswitchinterval(60)
        began = time.monotonic()
        SpanEncoder().encode(batch)
        ended = time.monotonic()
    finally:
        sys.setswitchinterval(interval)
        is_over.set()
        thread.join()

    assert any(began < turn < ended for turn in turns)
