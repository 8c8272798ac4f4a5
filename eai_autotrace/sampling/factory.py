"""The sampler ``eai``, made from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eai_autotrace.config.process import configuration
from eai_autotrace.sampling.rate import Rate
from eai_autotrace.sampling.sampler import Adaptive, EaiSampler, Fixed

if TYPE_CHECKING:
    from eai_autotrace.config import Config
    from eai_autotrace.sampling.sampler import Strategy


def eai_sampler(_argument: str | None = None) -> EaiSampler:
    """The sampler of this process, for ``OTEL_TRACES_SAMPLER=eai``, which takes no argument."""
    return make_eai_sampler(configuration())


def make_eai_sampler(config: Config) -> EaiSampler:
    """The sampler under some settings."""
    return EaiSampler(_strategy(config), config.sampling_rules)


def _strategy(config: Config) -> Strategy:
    if not config.sampling_adaptive_enabled:
        return Fixed(1.0 if config.sampling_ratio is None else config.sampling_ratio)
    return Adaptive(
        Rate(
            _given(config.sampling_adaptive_target_tps, 10.0),
            config.sampling_adaptive_max_tps,
            least_ratio=_given(config.sampling_adaptive_base_ratio, 0.0),
            largest_ratio=_given(config.sampling_adaptive_max_ratio, 1.0),
        )
    )


def _given(value: float | None, default: float) -> float:
    return default if value is None else value
