"""Thresholds and the ``ot`` entry, by the rules of the specification."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import TraceState

from eai_autotrace.sampling.threshold import (
    LOW_BITS,
    MOST,
    randomness_of,
    ratio_of,
    state_of,
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
    assert state_of(threshold_of(ratio)).to_header() == f"ot=th:{text}"


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
    What is written is one to 14 hexadecimal digits without zeros at the end, and is the threshold.
    """
    threshold = threshold_of(ratio)

    text = state_of(threshold)["ot"]

    assert re.fullmatch("th:(?:0|[0-9a-f]{0,13}[1-9a-f])", text)
    assert int(text.removeprefix("th:").ljust(14, "0"), 16) == threshold


# As the specification has them: a key, a colon, a value of letters, digits and a few signs.
SUB_KEYS = st.from_regex(r"[a-z][a-z0-9]{0,7}", fullmatch=True)
SUB_VALUES = st.from_regex(r"[A-Za-z0-9._+-]{1,20}", fullmatch=True)
FIELDS = st.dictionaries(SUB_KEYS, SUB_VALUES, max_size=5)
VENDORS = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_*/-]{0,10}", fullmatch=True).filter(lambda key: key != "ot"),
    st.from_regex(r"[!-+\--<>-~]{1,20}", fullmatch=True),
    max_size=32,
)


@given(VENDORS, FIELDS, st.none() | st.floats(1e-9, 1), st.integers(0, 40))
def test_only_the_threshold_changes(vendors, fields, ratio, position):
    """
    Whatever a tracestate holds, writing or erasing the threshold leaves all else: the other sub-keys
    in their order, the other vendors in theirs. The changed entry is first, there are 32 at most.
    """
    entries = [*vendors.items()][:31]
    if fields:
        text = ";".join(f"{name}:{value}" for name, value in fields.items())
        entries.insert(min(position, len(entries)), ("ot", text))
    threshold = None if ratio is None else threshold_of(ratio)

    after = with_threshold(TraceState(entries), threshold)

    expected = [f"{name}:{value}" for name, value in fields.items() if name != "th"]
    if threshold is not None:
        expected.insert(0, state_of(threshold)["ot"])
    others = [entry for entry in entries if entry[0] != "ot"]
    assert [*after.items()] == [("ot", ";".join(expected))] * bool(expected) + others
    assert threshold_in(after) == threshold


def test_no_room_for_a_threshold():
    """
    Beside 32 entries of others the last one goes; of an entry that would be too long the last
    sub-keys do.
    """
    full = TraceState([(f"v{number}", "1") for number in range(32)])
    long = TraceState([("ot", f"rv:0123456789abcd;x:{'y' * 230};z:1")])

    after = with_threshold(full, 0)
    cut = with_threshold(long, threshold_of(0.1))

    assert [*after] == ["ot", *(f"v{number}" for number in range(31))]
    assert [*cut.items()] == [("ot", "th:e6666;rv:0123456789abcd")]


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
