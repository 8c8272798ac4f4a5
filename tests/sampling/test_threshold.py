"""Thresholds and the ``ot`` entry, by the rules of the specification."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import TraceState

from eai_autotrace.sampling.threshold import (
    LOW_BITS,
    MOST,
    encoded,
    randomness_of,
    ratio_of,
    threshold_in,
    threshold_of,
    with_threshold,
)

# The specification's table of common probabilities, at full precision.
KNOWN = {1.0: "0", 0.5: "8", 0.25: "c", 0.125: "e", 0.75: "4"}


@pytest.mark.parametrize(("ratio", "text"), KNOWN.items())
def test_known_ratios(ratio, text):
    """
    Ratios of the specification have its thresholds.
    """
    assert encoded(threshold_of(ratio)) == text


@given(st.floats(0, 1))
def test_a_threshold_is_near_its_ratio(ratio):
    """
    A threshold keeps the share that was asked for, to one part in 100 000; 0 keeps nothing.
    """
    threshold = threshold_of(ratio)

    assert 0 <= threshold <= MOST
    if ratio < 1 / MOST / 2:
        assert threshold == MOST
    elif ratio > 1e-15:
        assert ratio_of(threshold) == pytest.approx(ratio, rel=1e-4)


@given(st.floats(1e-9, 1))
def test_a_threshold_travels_as_it_is(ratio):
    """
    What is written is read again, and has 14 digits at most.
    """
    threshold = threshold_of(ratio)
    state = with_threshold(None, threshold)

    assert threshold_in(state) == threshold
    assert 1 <= len(encoded(threshold)) <= 14


def test_other_entries_stay():
    """
    Entries of other vendors, and other sub-keys of ``ot``, stay; the entry that changed is first.
    """
    before = TraceState([("vendor", "1"), ("ot", "rv:0123456789abcd;th:8;x:y"), ("other", "2")])

    after = with_threshold(before, threshold_of(0.25))
    erased = with_threshold(before, None)

    assert list(after.items()) == [
        ("ot", "th:c;rv:0123456789abcd;x:y"),
        ("vendor", "1"),
        ("other", "2"),
    ]
    assert list(erased.items()) == [
        ("ot", "rv:0123456789abcd;x:y"),
        ("vendor", "1"),
        ("other", "2"),
    ]
    assert list(with_threshold(TraceState([("ot", "th:8"), ("a", "b")]), None).items()) == [
        ("a", "b")
    ]


@pytest.mark.parametrize("value", ["", "th", "th:", "th:xyz", "th:0123456789abcde", "TH:8", ";;"])
def test_what_is_no_threshold(value):
    """
    An invalid threshold is none.
    """
    state = TraceState([("ot", value)]) if value else TraceState()

    assert threshold_in(state) is None


@given(st.integers(0, 2**128 - 1))
def test_randomness(trace_id):
    """
    Randomness is the explicit one, if it is valid, else the low 56 bits of the trace id.
    """
    explicit = TraceState([("ot", "rv:00000000000001")])
    invalid = TraceState([("ot", "rv:1")])

    assert randomness_of(trace_id, explicit) == 1
    assert randomness_of(trace_id, invalid) == randomness_of(trace_id) == trace_id & LOW_BITS
