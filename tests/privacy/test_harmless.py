"""Attributes that have nothing to hide pass as they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eai_autotrace.config import Config
from eai_autotrace.privacy.filter import PrivacyFilter

HERE = Path(__file__).parent
NAMES = {
    line.split("\t")[0]
    for line in (HERE.parent / "semconv" / "registry.tsv").read_text().splitlines()
}


def _corpus():
    for line in (HERE / "harmless.tsv").read_text().splitlines():
        if not line.startswith("#"):
            name, _, value = line.partition("\t")
            yield name.partition(":")[0], json.loads(value)


CORPUS = list(_corpus())


def _is_conventional(name):
    return name in NAMES or any(name.startswith(f"{one}.") for one in NAMES)


def _changed(privacy):
    found = [(name, value, privacy.value(name, value, "traces")) for name, value in CORPUS]
    return [(name, old, new) for name, old, new in found if new is not old]


def test_the_corpus_is_large():
    """
    The corpus has at least 400 different pairs.
    """
    assert len({(name, repr(value)) for name, value in CORPUS}) >= 400


def test_at_most_one_percent_changes():
    """
    Of all values one in a hundred may change, of those of the conventions none.
    """
    changed = _changed(PrivacyFilter(Config()))

    assert [one for one in changed if _is_conventional(one[0])] == []
    assert len(changed) <= len(CORPUS) / 100, changed


@pytest.mark.parametrize("name", ["ssn"])
def test_detectors_by_switch_change_little(name):
    """
    What is found by switch alone keeps this, too.
    """
    changed = _changed(PrivacyFilter(Config(privacy_enable=(name,))))

    assert len(changed) <= len(CORPUS) / 100, changed


def test_nothing_changes_when_it_is_off():
    """
    Without the filter everything is sent as it is.
    """
    privacy = PrivacyFilter(Config(privacy="off"))

    for name, value in CORPUS:
        attributes = {name: value}
        assert privacy.attributes(attributes, "traces") is attributes
