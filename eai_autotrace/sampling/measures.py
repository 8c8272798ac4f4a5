"""What the sampler decides, as metrics. They are worked out when they are collected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.metrics import Observation

from eai_autotrace.patching.guard import report
from eai_autotrace.sampling.threshold import ratio_of
from eai_autotrace.semconv.attributes import (
    EAI_SAMPLING_DECISION,
    EAI_SAMPLING_ROUTE,
    EAI_SAMPLING_RULE,
)
from eai_autotrace.semconv.metrics import (
    EAI_SAMPLING_DECISIONS,
    EAI_SAMPLING_HELD_SPANS,
    EAI_SAMPLING_PROBABILITY,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from opentelemetry.metrics import Meter

    from eai_autotrace.sampling.sampler import EaiSampler
    from eai_autotrace.semconv.metrics import Metric

    Observe = Callable[[EaiSampler], Iterator[Observation]]


def observe(sampler: EaiSampler, meter: Meter) -> None:
    """Have a meter collect what a sampler has decided."""

    def add(create: Callable[..., Any], metric: Metric, found: Observe) -> None:
        def callback(_options: Any) -> Iterable[Observation]:
            try:
                return [*found(sampler)]
            except Exception as failure:  # noqa: BLE001 - the boundary: a metric reader calls this
                report("measuring sampling", failure)
                return []

        create(metric.name, [callback], metric.unit, metric.description)

    add(meter.create_observable_counter, EAI_SAMPLING_DECISIONS, _decisions)
    add(meter.create_observable_gauge, EAI_SAMPLING_PROBABILITY, _probabilities)
    add(meter.create_observable_up_down_counter, EAI_SAMPLING_HELD_SPANS, _held)


def _decisions(sampler: EaiSampler) -> Iterator[Observation]:
    """The number of traces, by what became of them and what decided that."""
    for decider in sampler.deciders:
        rule = {EAI_SAMPLING_RULE: decider.text} if decider.text else {}
        for decision, count in (("kept", decider.kept), ("dropped", decider.dropped)):
            if count and not decider.is_dry:
                yield Observation(count, {EAI_SAMPLING_DECISION: decision, **rule})
    tail = sampler.tail
    if tail is not None:
        for reason, count in tuple(tail.kept.items()):
            yield Observation(count, {EAI_SAMPLING_DECISION: f"kept_{reason}"})
        if tail.over:
            yield Observation(tail.over, {EAI_SAMPLING_DECISION: "over_limit"})


def _probabilities(sampler: EaiSampler) -> Iterator[Observation]:
    """The last ratio of each rule with one, and of each route."""
    for decider in sampler.deciders:
        if decider.routes is not None:
            for route, found in tuple(decider.routes.routes.items()):
                yield Observation(found.ratio, {EAI_SAMPLING_ROUTE: route})
        elif decider.tells and not decider.is_certain:
            rule = {EAI_SAMPLING_RULE: decider.text} if decider.text else {}
            yield Observation(ratio_of(decider.threshold), rule)


def _held(sampler: EaiSampler) -> Iterator[Observation]:
    """How many spans wait for the end of their trace."""
    if sampler.tail is not None:
        yield Observation(sampler.tail.spans)
