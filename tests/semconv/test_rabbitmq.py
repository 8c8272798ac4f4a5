from __future__ import annotations

import pytest

from eai_autotrace.semconv.rabbitmq import names

NAMES = {
    ("orders", "created"): ("orders:created", "orders:created"),
    ("orders", ""): ("orders", "orders"),
    ("", "billing"): ("billing", "billing"),
    ("", ""): ("amq.default", "amq.default"),
    ("", "amq.gen-abc"): (None, "amq.gen-abc"),
    ("", "amq_abc"): (None, "amq_abc"),
    ("orders", "created", "billing"): (
        "orders:created:billing",
        "orders:created:billing",
    ),
    ("", "billing", "billing"): ("billing", "billing"),
    ("orders", "created", "amq.gen-abc"): (
        "orders:created",
        "orders:created:amq.gen-abc",
    ),
}


@pytest.mark.parametrize(("parts", "expected"), NAMES.items())
def test_names(parts, expected):
    """
    Destinations are named by exchange, routing key and queue; span names leave generated ones out.
    """
    found = names(*parts)

    assert (found.known, found.destination) == expected
