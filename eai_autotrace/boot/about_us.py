"""Metrics about ourselves: what is sampled, kept out, exported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from eai_autotrace import __version__
from eai_autotrace.export.pipeline import Batches
from eai_autotrace.privacy.current import get_privacy_filter
from eai_autotrace.privacy.measures import count_redactions
from eai_autotrace.sampling.measures import observe
from eai_autotrace.sampling.sampler import EaiSampler

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.metrics import MeterProvider

    from eai_autotrace.export.prometheus.families import Families


def measure_ourselves(provider: MeterProvider, readers: Iterable[Any]) -> None:
    """
    Have our own metrics among the program's.

    Args:
        provider: Makes meters.
        readers: Exporters and readers of metrics, of which some ask for more.
    """
    sampler = getattr(trace.get_tracer_provider(), "sampler", None)
    if isinstance(sampler, EaiSampler):
        observe(sampler, provider.get_meter("eai_autotrace.sampling", __version__))
    meter = provider.get_meter("eai_autotrace.privacy", __version__)
    count_redactions(get_privacy_filter().audit, meter)
    for reader in readers:
        if hasattr(reader, "about_us"):
            reader.about_us = _about_exporters
            reader.start()


def _about_exporters() -> Families:
    from eai_autotrace.export.prometheus.about import about_exporters  # noqa: PLC0415 - rarely used

    provider = trace.get_tracer_provider()
    processors = getattr(getattr(provider, "_active_span_processor", None), "_span_processors", ())
    pipelines = [("traces", one) for one in processors if isinstance(one, Batches)]
    dropped, sampled = getattr(provider, "created", (0, 0))
    return about_exporters(pipelines, {"dropped": dropped, "sampled": sampled})
