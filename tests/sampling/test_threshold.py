"""Thresholds and the ``ot`` entry, by the rules of the specification."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eai_autotrace.sampling.threshold import MOST, ratio_of, state_of, threshold_of

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
