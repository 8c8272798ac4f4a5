"""What the programs here have in common: work, which is one span."""

from __future__ import annotations

from opentelemetry import trace


def span(name):
    return trace.get_tracer("programs").start_as_current_span(name)


def work(name):
    with span(name):
        pass
