"""Looking at the sampler of this process, and changing it while the process runs."""

from __future__ import annotations

from typing import Any, NamedTuple

from opentelemetry import trace

from eai_autotrace.config import Config
from eai_autotrace.sampling.factory import make_eai_sampler
from eai_autotrace.sampling.sampler import EaiSampler
from eai_autotrace.sampling.threshold import ratio_of


class DeciderStats(NamedTuple):
    """
    What one rule, or what comes after all rules, has decided in this process.

    Attributes:
        rule: The rule in compact form; empty for what decides where no rule does.
        kept: How many traces it has kept.
        dropped: How many it has not; of a rule on trial, how many it has matched.
        ratio: The share that it keeps now, from 0 to 1.
    """

    rule: str
    kept: int
    dropped: int
    ratio: float


def get_sampling_stats() -> tuple[DeciderStats, ...]:
    """
    What was decided about traces that began in this process, rule by rule.

    Raises:
        RuntimeError: The process has another sampler.
    """
    return tuple(
        DeciderStats(one.text, one.kept, one.dropped, ratio_of(one.threshold))
        for one in _sampler().deciders
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
