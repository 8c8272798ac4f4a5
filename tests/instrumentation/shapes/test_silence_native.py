"""A library's own telemetry is silent where ours speaks, and only there."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from eai_autotrace.instrumentation import SilenceNative


def _when(key):
    return key == "traced"


def test_what_is_traced_gets_the_result_instead(instrument, library):
    """Its callers get what the library gives where its telemetry is off; all else is as before."""
    instrumentor = instrument(lambda module: SilenceNative(module, "plain", _when, result="off"))

    assert [library.plain("traced"), library.plain("other")] == ["off", "other"]

    instrumentor.uninstrument()
    assert library.plain("traced") == "traced"


def test_a_new_object_for_each_call(instrument, library):
    """A factory gets the arguments, and makes what cannot be shared, such as a context manager."""

    @contextmanager
    def quiet(key):
        yield f"quiet {key}"

    instrument(lambda module: SilenceNative(module, "plain", _when, factory=quiet))

    for _ in range(2):
        with library.plain("traced") as entered:
            assert entered == "quiet traced"


@pytest.mark.parametrize("part", ["when", "factory"])
def test_a_failure_of_ours_leaves_the_telemetry_on(instrument, library, lenient, part):
    """Where ours raises, the library's function is called, once, with its own arguments."""

    def raising(key):
        raise ZeroDivisionError("ours")

    parts = {"when": _when, part: raising}
    instrument(lambda module: SilenceNative(module, "plain", **parts))

    assert library.plain("traced") == "traced"
