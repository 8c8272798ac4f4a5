"""The sampler ``eai``, made from the settings."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from eai_autotrace.config.process import configuration
from eai_autotrace.config.sampling import default_rules
from eai_autotrace.sampling.fair import FairRate
from eai_autotrace.sampling.rate import Rate, SharedRate
from eai_autotrace.sampling.reasons import Reasons
from eai_autotrace.sampling.sampler import EaiSampler
from eai_autotrace.sampling.tail import TailKeeper

if TYPE_CHECKING:
    from eai_autotrace.config import Config
    from eai_autotrace.sampling.deciders import Ratio

_logger = logging.getLogger("eai_autotrace")


def eai_sampler(_argument: str | None = None) -> EaiSampler:
    """The sampler of this process, for ``OTEL_TRACES_SAMPLER=eai``, which takes no argument."""
    return make_eai_sampler(configuration())


def make_eai_sampler(config: Config) -> EaiSampler:
    """The sampler under some settings."""
    rules = config.sampling_rules
    if config.sampling_default_rules:
        rules = (*rules, *default_rules())
    return EaiSampler(_ratio(config), rules, partial(_shared, config), _tail(config))


def keeps_by_end(config: Config) -> bool:
    """Whether some traces are kept because of how they end."""
    return bool(config.sampling_keep) or config.sampling_keep_slower_than is not None


def _tail(config: Config) -> TailKeeper | None:
    """What keeps traces that the ratio leaves out and that matter; ``None`` if none do."""
    if not keeps_by_end(config):
        return None
    return TailKeeper(
        reasons=Reasons(config.sampling_keep, config.sampling_keep_slower_than),
        per_second=config.sampling_keep_max_tps,
        most=config.max_spans_in_memory,
        longest=config.memory_cleanup_interval,
    )


def _ratio(config: Config) -> Ratio | None:
    """The share that is kept where no rule decides, or what gives it for each trace."""
    if not config.sampling_adaptive_enabled:
        return config.sampling_ratio
    hosts = _hosts(config)
    most = config.sampling_adaptive_max_tps
    rate = Rate(
        _given(config.sampling_adaptive_target_tps, 10.0) / hosts,
        None if most is None else most / hosts,
        least_ratio=_given(config.sampling_adaptive_base_ratio, 0.0),
        largest_ratio=_given(config.sampling_adaptive_max_ratio, 1.0),
    )
    return FairRate(_on_board(config, rate, ""))


def _shared(config: Config, target: float, name: str) -> Rate | SharedRate:
    """The rate of a rule."""
    return _on_board(config, Rate(target / _hosts(config)), name)


def _hosts(config: Config) -> int:
    return config.sampling_replicas if config.sampling_scope == "service" else 1


def _on_board(config: Config, rate: Rate, name: str) -> Rate | SharedRate:
    """A rate that the processes of the service share, where they can and are to."""
    if config.sampling_scope == "process":
        return rate
    from eai_autotrace.sampling.board import Board  # noqa: PLC0415 - 7 ms, rarely used

    try:
        board = Board(f"{config.service_name}\0{name}")
    except Exception as failure:  # noqa: BLE001 - no place for it: each process by itself
        _logger.warning(
            "OTEL_EAI_SAMPLING_SCOPE: %s; each process keeps so many traces by itself", failure
        )
        return rate
    return SharedRate(rate, board)


def _given(value: float | None, default: float) -> float:
    return default if value is None else value
