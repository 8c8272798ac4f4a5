"""Looking at the sampler of this process, and changing it while the process runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry import trace

from eai_autotrace.config import Config
from eai_autotrace.sampling.factory import make_eai_sampler
from eai_autotrace.sampling.sampler import EaiSampler
from eai_autotrace.sampling.threshold import ratio_of

if TYPE_CHECKING:
    from collections.abc import Mapping


class DeciderStats(NamedTuple):
    """
    What one rule, or what comes after all rules, has decided in this process.

    Attributes:
        rule: The rule in compact form; empty for what decides where no rule does.
        kept: How many traces it has kept.
        dropped: How many it has not; of a rule on trial, how many it has matched.
        ratio: The share that it keeps now, from 0 to 1; where routes have their own, the last one.
    """

    rule: str
    kept: int
    dropped: int
    ratio: float


class RouteStats(NamedTuple):
    """
    A route's part of a number of traces a second.

    Attributes:
        per_second: How many traces begin there.
        ratio: The share of them that is kept now, from 0 to 1.
    """

    per_second: float
    ratio: float


class KeptStats(NamedTuple):
    """
    What became of traces that were not sampled and might have mattered.

    Attributes:
        by_reason: How many were kept, by reason.
        over_limit: How many were not kept because of the limit of a second.
        evicted: How many were decided before their end, for the space or the time they took.
        held_spans: How many spans are held now.
    """

    by_reason: Mapping[str, int]
    over_limit: int
    evicted: int
    held_spans: int


class SamplingStats(NamedTuple):
    """
    What was decided about traces that began in this process.

    Attributes:
        rules: By each rule in their order, and last by what decides where no rule does.
        routes: The routes that share a number of traces a second; empty with a fixed share.
        kept_by_end: What was kept by how it ended; ``None`` where nothing is.
    """

    rules: tuple[DeciderStats, ...]
    routes: Mapping[str, RouteStats]
    kept_by_end: KeptStats | None


def get_sampling_stats() -> SamplingStats:
    """
    What was decided about traces that began in this process.

    Raises:
        RuntimeError: The process has another sampler.
    """
    sampler = _sampler()
    routes = {
        name: RouteStats(route.per_second or 0.0, route.ratio)
        for one in sampler.deciders
        if one.routes is not None
        for name, route in tuple(one.routes.routes.items())
    }
    tail, by_end = sampler.tail, None
    if tail is not None:
        by_end = KeptStats(dict(tail.kept), tail.over, tail.evicted, tail.spans)
    return SamplingStats(
        tuple(
            DeciderStats(one.text, one.kept, one.dropped, ratio_of(one.threshold))
            for one in sampler.deciders
        ),
        routes,
        by_end,
    )


def configure_sampler(**settings: Any) -> None:
    """
    Change the sampler of this process, at once and for all its threads.

    Args:
        settings: Fields of `Config` that concern sampling, such as ``sampling_ratio=0.1``; all
            others have their defaults.

    Raises:
        RuntimeError: The process has another sampler.
        TypeError: There is no such setting.
    """
    _sampler().take_over(make_eai_sampler(Config(**settings)))


def _sampler() -> EaiSampler:
    sampler = getattr(trace.get_tracer_provider(), "sampler", None)
    if not isinstance(sampler, EaiSampler):
        raise RuntimeError(  # noqa: TRY004 - of the process, not of an argument
            f"the sampler is {type(sampler).__name__}; OTEL_TRACES_SAMPLER=eai selects the one that"
            " can be looked at and changed"
        )
    return sampler
