"""What decides about the traces that begin: rules in their order, and one ratio for all else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import SpanKind

from eai_autotrace.sampling.fair import FairRate
from eai_autotrace.sampling.rules import Rule
from eai_autotrace.sampling.threshold import threshold_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eai_autotrace.config.sampling import RuleSetting
    from eai_autotrace.sampling.rate import Rate, SharedRate

    Ratio = float | Rate | SharedRate | FairRate
    MakeRate = Callable[[float, str], Rate | SharedRate]


class Decider:
    """
    What decides about some of the traces that begin, and how often it has.

    Args:
        text: The rule in compact form; empty for what decides where no rule does.
        ratio: The share that is kept, or what gives it for each trace. ``None`` keeps all, and tells
            no threshold, as nobody asked for one.
        rule: Tells the traces it decides about; ``None`` for all that no rule matches.

    Attributes:
        routes: Gives the ratio by a trace's route; ``None`` where that does not matter.
        tells: Whether what it keeps tells its threshold.
        kept: How many traces were kept.
        dropped: How many were not. With a dry rule, how many it matched.
        threshold: The last threshold.
    """

    def __init__(self, text: str, ratio: Ratio | None, rule: Rule | None = None) -> None:
        self.text = text
        self.rule = rule
        self.kept = self.dropped = 0
        self.threshold = 0
        self.tells = ratio is not None
        self.routes = ratio if isinstance(ratio, FairRate) else None
        self._rate: Rate | SharedRate | None = None
        if isinstance(ratio, (int, float)):
            self.threshold = threshold_of(ratio)
        elif not isinstance(ratio, FairRate):
            self._rate = ratio

    def decide(self, randomness: int, route: str = "") -> int | None:
        """
        The threshold by which a trace is kept; ``None`` if it is not.

        Args:
            randomness: The trace's, see `eai_autotrace.sampling.threshold.randomness_of`.
            route: Its route, if `routes` is given.
        """
        rate, routes, threshold = self._rate, self.routes, self.threshold
        if rate is not None:
            self.threshold = threshold = threshold_of(rate.ratio())
        elif routes is not None:
            self.threshold = threshold = threshold_of(routes.ratio(route))
        # Python switches threads at calls and loops, so no count is lost in `+=`.
        if randomness < threshold:
            self.dropped += 1
            return None
        self.kept += 1
        if rate is not None:
            rate.kept()
        elif routes is not None:
            routes.kept()
        return threshold


class Plan:
    """
    What decides, in order; replaced as a whole.

    Args:
        ratio: The share that is kept where no rule decides, or what gives it for each trace; see
            `Decider`.
        rules: The rules.
        make_rate: Makes what a rule with ``tps`` asks for the ratio, from the number and the rule.
    """

    def __init__(
        self, ratio: Ratio | None, rules: Sequence[RuleSetting], make_rate: MakeRate
    ) -> None:
        self.last = Decider("", ratio)
        by_rule = [Decider(rule.text, _ratio_of(rule, make_rate), Rule(rule)) for rule in rules]
        self.deciders = (*by_rule, self.last)
        # By the kind's number: an enumeration's hash is Python.
        self.by_kind = {
            kind._value_: tuple(
                (one.rule, one) for one in by_rule if one.rule and kind._value_ in one.rule.kinds
            )
            for kind in SpanKind
        }


def _ratio_of(rule: RuleSetting, make_rate: MakeRate) -> Ratio:
    if rule.action == "tps":
        return make_rate(rule.value, rule.text)
    return {"drop": 0.0, "keep": 1.0}.get(rule.action, rule.value)
