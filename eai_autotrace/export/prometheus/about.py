"""What became of spans, by the names of the platform's guide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eai_autotrace.export.prometheus.families import COUNTER, GAUGE, Families, Family

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from eai_autotrace.export.pipeline import Batches

_EXPORTED = "exported"


def about_exporters(
    pipelines: Iterable[tuple[str, Batches]], created: Mapping[str, int]
) -> Families:
    """
    Families about the exporting itself.

    Args:
        pipelines: Pipelines with the signal of each.
        created: How many spans were started, by what was decided of them.
    """
    spans = Family("spans_created_total", COUNTER, "Number of spans that were started.")
    exported = Family("spans_exported_total", COUNTER, "Number of spans that a back end has taken.")
    errors = Family(
        "trace_errors_total", COUNTER, "Number of records that were not exported, by reason."
    )
    # Of several processes the worst counts: one that cannot export is what somebody looks for.
    told = "Whether the last attempt to export was taken."
    up = Family("exporter_up", GAUGE, told, adds=False, lowest=True)
    for decision, count in created.items():
        spans.take((("decision", decision),), count)
    for signal, pipeline in pipelines:
        for name, counts in pipeline.counts().items():
            if signal == "traces":
                exported.take((("exporter", name),), counts[_EXPORTED])
            for reason, count in counts.items():
                if reason != _EXPORTED:
                    labels = (("exporter", name), ("reason", reason), ("signal", signal))
                    errors.take(labels, count)
        for name, is_up in pipeline.states().items():
            if is_up is not None:
                up.take((("exporter", name), ("signal", signal)), int(is_up))
    return {family.name: family for family in (spans, exported, errors, up) if family.series}
