"""What decides about the traces that begin: rules in their order, and one ratio for all else."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from opentelemetry.trace import SpanKind

from eai_autotrace.sampling.fair import FairRate
from eai_autotrace.sampling.rules import Rule, fits
from eai_autotrace.sampling.threshold import threshold_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from eai_autotrace.config.sampling import RuleSetting
    from eai_autotrace.sampling.rate import GuaranteedRate, Rate, SharedRate
    from eai_autotrace.sampling.rules import Conditions, Fits
    from eai_autotrace.sampling.tail import TailKeeper

    Ratio = float | Rate | SharedRate | FairRate | GuaranteedRate
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
        is_final: Whether what it drops is of no interest, even if it fails.
        is_certain: Whether it is a rule that drops all, or keeps all.
        is_dry: Whether it is on trial.
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
        action = "" if rule is None else rule.setting.action
        self.is_final = action == "drop"
        self.is_certain = action in {"drop", "keep"}
        self.is_dry = rule is not None and rule.setting.is_dry
        self.routes = ratio if isinstance(ratio, FairRate) else None
        self._rate: Rate | SharedRate | GuaranteedRate | None = None
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


class OfKind(NamedTuple):
    """
    Rules that may apply to spans of a kind.

    Attributes:
        every: All of them, each with its conditions.
        others: Those without a condition for the path.
        is_named: Whether a path is as one of the others wants it. Of most paths no rule says
            anything, and this is all that is looked at.
    """

    every: tuple[tuple[Decider, Conditions], ...]
    others: tuple[tuple[Decider, Conditions], ...]
    is_named: Fits


def _of_kind(deciders: Sequence[Decider], kind: int) -> OfKind:
    rules = [(one, one.rule) for one in deciders if one.rule and kind in one.rule.kinds]
    every = tuple((one, rule.conditions) for one, rule in rules)
    others = tuple((one, rule.conditions) for one, rule in rules if not rule.paths)
    is_named = fits([path for _, rule in rules for path in rule.paths])
    return OfKind(every, others, is_named)


class Plan:
    """
    What decides, in order; replaced as a whole.

    Args:
        ratio: The share that is kept where no rule decides, or what gives it for each trace; see
            `Decider`.
        rules: The rules.
        make_rate: Makes what a rule with ``tps`` asks for the ratio, from the number and the rule.
        tail: Holds what is not kept; ``None`` for nothing.

    Attributes:
        operations: What decides where no rule does, by the first span's name; ``None`` where that
            does not matter.
    """

    operations: Mapping[str, Decider] | None = None

    def __init__(
        self,
        ratio: Ratio | None,
        rules: Sequence[RuleSetting],
        make_rate: MakeRate,
        tail: TailKeeper | None = None,
    ) -> None:
        self.tail = tail
        self.last = Decider("", ratio)
        by_rule = [Decider(rule.text, _ratio_of(rule, make_rate), Rule(rule)) for rule in rules]
        self._by_rule = tuple(by_rule)
        # By the kind's number: an enumeration's hash is Python.
        self.by_kind = {kind._value_: _of_kind(by_rule, kind._value_) for kind in SpanKind}

    @property
    def deciders(self) -> tuple[Decider, ...]:
        """The rules in their order, the operations that have come, and what decides about the rest."""
        named = () if self.operations is None else tuple(self.operations.values())
        came = (decider for decider in named if decider.kept or decider.dropped)
        return (*self._by_rule, *came, self.last)

    def count_anew(self) -> None:
        """In a forked child: what the parent has decided is the parent's to tell."""
        for decider in self.deciders:
            decider.kept = decider.dropped = 0


def _ratio_of(rule: RuleSetting, make_rate: MakeRate) -> Ratio:
    if rule.action == "tps":
        return make_rate(rule.value, rule.text)
    return {"drop": 0.0, "keep": 1.0}.get(rule.action, rule.value)
