"""Deliveries: found by channel and tag until they are settled, or their channel has gone."""

from __future__ import annotations

import gc

import pytest

from eai_autotrace.instrumentation.messaging import settlement
from eai_autotrace.instrumentation.messaging.settlement import Delivery, find, forget, keep, settle


class Channel:
    """Something with a ``__dict__``."""


class Processing:
    """What is told of a settlement."""

    def __init__(self):
        self.told = []

    def settled(self, how):
        self.told.append(how)

    def forget(self):
        self.told.append("forgotten")


def _kept():
    """A channel with three deliveries, and their processings."""
    channel, processings = Channel(), [Processing() for _ in range(3)]
    for tag, processing in enumerate(processings, 1):
        keep(channel, tag, Delivery("orders", processing))
    return channel, processings


def _told(processings):
    return [processing.told for processing in processings]


@pytest.mark.parametrize(
    ("tag", "multiple", "expected"),
    [
        (2, False, [[], ["ack"], []]),
        (2, True, [["ack"], ["ack"], []]),
        (0, True, [["ack"], ["ack"], ["ack"]]),
        (9, False, [[], [], []]),
    ],
)
def test_one_or_many_are_settled(tag, multiple, expected):
    """With `multiple` all before it are settled too, with the tag 0 all there are."""
    channel, processings = _kept()

    settle(channel, tag, "ack", multiple=multiple)

    # Each is told of its end, too, as it is forgotten with that.
    told = [[word for word in words if word != "forgotten"] for words in _told(processings)]
    assert told == expected
    assert [find(channel, number) is None for number in (1, 2, 3)] == [bool(x) for x in expected]


@pytest.mark.parametrize("how", ["closed", "collected"])
def test_a_channel_that_has_gone(how):
    """With their channel, deliveries are forgotten: nobody can settle them any more."""
    channel, processings = _kept()
    if how == "closed":
        forget(channel)
        settle(channel, 1, "ack")
    del channel
    gc.collect()

    assert _told(processings) == [["forgotten"]] * 3


def test_whoever_settles_nothing_fills_no_memory(monkeypatch):
    """There are no more deliveries than a limit; the oldest goes first."""
    monkeypatch.setattr(settlement, "MOST_DELIVERIES", 2)
    channel = Channel()
    for tag in (1, 2, 3):
        keep(channel, tag, Delivery("orders"))

    assert [find(channel, tag) is None for tag in (1, 2, 3)] == [True, False, False]


def test_old_deliveries_go(monkeypatch):
    """A delivery that RabbitMQ itself would not let be settled any more is forgotten."""
    channel = Channel()
    monkeypatch.setattr(settlement, "monotonic", lambda: 0.0)
    keep(channel, 1, Delivery("orders"))
    monkeypatch.setattr(settlement, "monotonic", lambda: 1801.0)
    keep(channel, 2, Delivery("orders"))

    assert [find(channel, tag) is None for tag in (1, 2)] == [True, False]


def test_a_tag_that_comes_again():
    """A newer delivery takes the place of an older one, which is forgotten."""
    channel, processings = _kept()
    newer = Delivery("orders")

    keep(channel, 2, newer)
    settle(channel, 2, "ack")

    assert find(channel, 2) is None
    assert _told(processings) == [[], ["forgotten"], []]


def test_a_channel_without_deliveries():
    """Nothing is found, settled or forgotten where nothing was kept."""
    channel = Channel()

    settle(channel, 1, "ack")
    settle(channel, 0, "ack", multiple=True)
    forget(channel)

    assert (find(channel, 1), vars(channel)) == (None, {})


def test_a_delivery_that_nobody_processes():
    """It is settled as well, and there is nobody to tell."""
    channel = Channel()
    keep(channel, 1, Delivery("orders"))

    settle(channel, 1, "ack")

    assert find(channel, 1) is None
