from __future__ import annotations

import datetime as dt

import pytest

from eai_autotrace.semconv.rabbitmq import carrier_of, destination, span_name

NAMES = {
    ("publish", "orders", "created"): ("publish orders:created", "orders:created"),
    ("publish", "orders", ""): ("publish orders", "orders"),
    ("publish", "", "billing"): ("publish billing", "billing"),
    ("publish", "", ""): ("publish amq.default", "amq.default"),
    ("publish", "", "amq.gen-abc"): ("publish", "amq.gen-abc"),
    ("publish", "", "amq_abc"): ("publish", "amq_abc"),
    ("process", "orders", "created", "billing"): (
        "process orders:created:billing",
        "orders:created:billing",
    ),
    ("process", "", "billing", "billing"): ("process billing", "billing"),
    ("process", "orders", "created", "amq.gen-abc"): (
        "process orders:created",
        "orders:created:amq.gen-abc",
    ),
}


@pytest.mark.parametrize(("parts", "names"), NAMES.items())
def test_names(parts, names):
    """
    Destinations are named by exchange, routing key and queue; span names leave generated ones out.
    """
    assert (span_name(*parts), destination(*parts[1:])) == names


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

    assert carrier_of(headers) == {"text": "a", "bytes": "b", "bytearray": "c"}
    assert carrier_of(None) == {}
