"""The exporters that the configuration asks for."""

from __future__ import annotations

import multiprocessing
from contextlib import suppress

import pytest

from eai_autotrace.boot.exporters import exporter, span_exporter
from eai_autotrace.config import Config


def _pool(made, queue=None):
    adapter = made._client._transport._session.get_adapter("http://x")
    with suppress(AttributeError):
        adapter.send(None)  # makes what a process needs, then fails
    is_marked = hasattr(adapter.poolmanager, "marked")
    return is_marked if queue is None else queue.put(is_marked)


@pytest.mark.parametrize("signal", ["metrics", "logs"])
def test_a_forked_child_has_connections_of_its_own(signal):
    """
    OpenTelemetry's HTTP exporters keep connections; a child of a fork opens new ones.
    """
    made = exporter(Config(), signal, "otlp")
    made._client._transport._session.get_adapter("http://x").poolmanager.marked = True
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()

    child = context.Process(target=_pool, args=(made, queue))
    child.start()
    child.join()

    assert (queue.get(), _pool(made)) == (False, True)


def test_exporters_by_name():
    """
    Another exporter than OTLP is an installed plugin; one that is not there is told by name.
    """
    assert span_exporter(Config(), "traces", "console").name == "console"
    with pytest.raises(LookupError, match="it is not installed"):
        span_exporter(Config(), "traces", "nothing")
