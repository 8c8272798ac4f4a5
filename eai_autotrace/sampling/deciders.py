"""What decides about the traces that begin: strategies, and rules with strategies of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from opentelemetry.trace import SpanKind

from eai_autotrace.sampling.rules import Rule
from eai_autotrace.sampling.threshold import LOW_BITS, threshold_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eai_autotrace.config.sampling import RuleSetting
    from eai_autotrace.sampling.rate import Rate, SharedRate

    MakeRate = Callable[[float, str], Rate | SharedRate]


class Strategy(Protocol):
    """What decides about traces that no rule decides about."""

    def threshold(self) -> int:
        """The threshold for a trace that begins now."""

    def kept(self) -> None:
        """Note that the trace is kept."""


class Fixed:
    """
    Keeps a share of all traces.

    Args:
        ratio: The share, from 0 to 1.
    """

    def __init__(self, ratio: float) -> None:
        self._threshold = threshold_of(ratio)

    def threshold(self) -> int:
        """The threshold, which is the same for all."""
        return self._threshold

    def kept(self) -> None:
        """Nothing depends on what was kept."""


class Adaptive:
    """
    Keeps so many traces a second.

    Args:
        rate: Gives the ratio for each trace.
    """

    def __init__(self, rate: Rate | SharedRate) -> None:
        self._rate = rate

    def threshold(self) -> int:
        """The threshold for a trace that begins now."""
        return threshold_of(self._rate.ratio())

    def kept(self) -> None:
        """Count the trace against the limit."""
        self._rate.kept()


class Decider:
    """
    What decides about some of the traces that begin, and how often it has.

    Args:
        text: The rule in compact form; empty for what decides where no rule does.
        strategy: Gives the thresholds.
        rule: Tells the traces it decides about; ``None`` for all that no rule matches.

    Attributes:
        kept: How many traces were kept.
        dropped: How many were not. With a dry rule, how many it matched.
        threshold: The last threshold.
    """

    def __init__(self, text: str, strategy: Strategy, rule: Rule | None = None) -> None:
        self.text = text
        self.strategy = strategy
        self.rule = rule
        self.kept = self.dropped = 0
        is_fixed = isinstance(strategy, Fixed)
        self.threshold = strategy.threshold() if is_fixed else 0
        self._changing = None if is_fixed else strategy

    def decide(self, trace_id: int) -> int | None:
        """The threshold by which a trace is kept; ``None`` if it is not."""
        strategy, threshold = self._changing, self.threshold
        if strategy is not None:
            self.threshold = threshold = strategy.threshold()
        # Python switches threads at calls and loops, so no count is lost in `+=`.
        if trace_id & LOW_BITS < threshold:
            self.dropped += 1
            return None
        self.kept += 1
        if strategy is not None:
            strategy.kept()
        return threshold


class Plan:
    """
    What decides, in order; replaced as a whole.

    Args:
        deciders: Those with rules, and last the one without.
    """

    def __init__(self, deciders: tuple[Decider, ...]) -> None:
        self.deciders = deciders
        self.last = deciders[-1]
        # By the kind's number: an enumeration's hash is Python.
        self.by_kind = {
            kind._value_: tuple(
                (one.rule, one) for one in deciders if one.rule and kind._value_ in one.rule.kinds
            )
            for kind in SpanKind
        }


def deciders_of(
    strategy: Strategy, rules: Sequence[RuleSetting], make_rate: MakeRate
) -> tuple[Decider, ...]:
    """One for each rule, and one for all else."""
    by_rule = (Decider(rule.text, _strategy_of(rule, make_rate), Rule(rule)) for rule in rules)
    return (*by_rule, Decider("", strategy))


def _strategy_of(rule: RuleSetting, make_rate: MakeRate) -> Strategy:
    if rule.action == "tps":
        return Adaptive(make_rate(rule.value, rule.text))
    return Fixed({"drop": 0.0, "keep": 1.0}.get(rule.action, rule.value))
