"""A configuration of gunicorn whose workers start tracing by themselves."""

from __future__ import annotations


def post_fork(server, worker):
    from opentelemetry.instrumentation.auto_instrumentation import initialize

    initialize()
