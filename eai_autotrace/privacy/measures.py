"""What was kept out, as a metric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.metrics import Observation

from eai_autotrace.patching.guard import report
from eai_autotrace.semconv.attributes import (
    EAI_PRIVACY_ACTION,
    EAI_PRIVACY_DETECTOR,
    EAI_PRIVACY_SIGNAL,
)
from eai_autotrace.semconv.metrics import EAI_PRIVACY_REDACTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.metrics import Meter

    from eai_autotrace.privacy.audit import Audit


def count_redactions(audit: Audit, meter: Meter) -> None:
    """Have a meter collect what was kept out, by signal, detector and action."""

    def callback(_options: Any) -> Iterable[Observation]:
        try:
            return [
                Observation(
                    count,
                    {
                        EAI_PRIVACY_SIGNAL: one.signal,
                        EAI_PRIVACY_DETECTOR: one.detector,
                        EAI_PRIVACY_ACTION: one.action,
                    },
                )
                for one, count in tuple(audit.counts.items())
            ]
        except Exception as failure:  # noqa: BLE001 - the boundary: a metric reader calls this
            report("measuring privacy", failure)
            return []

    metric = EAI_PRIVACY_REDACTIONS
    meter.create_observable_counter(metric.name, [callback], metric.unit, metric.description)
