"""An operation under way: how it ends, and with which tracer it starts."""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.trace import StatusCode
from opentelemetry.util._once import Once

from eai_autotrace.instrumentation import Operation
from eai_autotrace.instrumentation.tracing import Tracing
from eai_autotrace.spans.provider import TracerProvider
from eai_autotrace.spans.span import Span


@pytest.fixture
def start(spans):
    """Starts an operation."""
    tracing = Tracing("test")
    return lambda name="x": tracing.start(Operation(name))


def test_an_error_type_of_none_is_no_error(start, spans):
    """
    ``None`` values are left out, an ``error.type`` of ``None`` too (case C11).
    """
    start().end({"error.type": None, "a": 1})

    assert [(span["attributes"], span["status"]) for span in spans()] == [({"a": 1}, "UNSET")]


@pytest.mark.parametrize(
    ("end", "code", "description"),
    [
        (lambda active: active.fail(LookupError("secret")), "ERROR", "LookupError"),
        (lambda active: active.end({"error.type": "500"}), "ERROR", None),
        (lambda active: active.fail(GeneratorExit()), "UNSET", None),
        (lambda active: active.end(), "UNSET", None),
    ],
    ids=["exception", "error", "closed", "nothing"],
)
def test_the_status_names_the_exception(start, spans, end, code, description):
    """
    A failed call's status has the name of the exception's class, never its message (case C10).
    """
    end(start())

    (span,) = spans.ended
    assert (span.status.status_code, span.status.description) == (StatusCode[code], description)


def test_an_error_that_the_library_takes_for_none_is_none(spans):
    """
    A library's description of an exception may say that it is no failure.
    """
    tracing = Tracing("test", lambda _: {"error.type": None})

    tracing.start(Operation("x")).fail(LookupError())

    (span,) = spans.ended
    assert (span.status.status_code, dict(span.attributes)) == (StatusCode.UNSET, {})


@pytest.fixture
def no_provider(monkeypatch):
    """No global provider, as before a program has set one."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())


def test_a_provider_that_is_set_later_is_used_in_full(no_provider):
    """
    An application that was instrumented before the provider gets lean spans all the same (B12).
    """
    tracing = Tracing("test")
    before = tracing.start(Operation("before"))
    provider = TracerProvider(shutdown_on_exit=False)
    trace.set_tracer_provider(provider)

    after = tracing.start(Operation("after", attributes={"a": 1, "b": None}))

    assert (before.is_recording, tracing.is_lean, type(after.span)) == (False, True, Span)
    assert dict(after.span.attributes) == {"a": 1}  # type: ignore[attr-defined]


def test_no_meter_is_made_before_the_first_value():
    """
    A process that only loads an application has no metric reader, and no thread of one.
    """
    provider = MeterProvider(shutdown_on_exit=False)
    asked = []
    provider.get_meter = lambda *args, **_: (
        asked.append(args) or MeterProvider.get_meter(provider, *args)
    )

    tracing = Tracing("test", meter_provider=provider)

    assert (asked, tracing.recorder(None)) == ([], None)
