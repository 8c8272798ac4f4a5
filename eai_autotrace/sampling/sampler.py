"""
The sampler ``eai``: the parent's decision first, then rules, then one strategy for all else.

A sampled parent is followed and its tracestate stays as it is, an unsampled one is followed too: a
trace is kept as a whole. What is decided here is a threshold decision, and the threshold travels
with the trace.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import SpanKind, TraceState

from eai_autotrace.sampling.rate import Rate
from eai_autotrace.sampling.rules import Rule
from eai_autotrace.sampling.threshold import LOW_BITS, threshold_of, with_threshold

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link
    from opentelemetry.util.types import Attributes

    from eai_autotrace.config.sampling import RuleSetting
    from eai_autotrace.sampling.rate import SharedRate

    MakeRate = Callable[[float, str], Rate | SharedRate]
    Start = Callable[[], Mapping[str, Any]]

_EMPTY: Final = TraceState()


class Root(NamedTuple):
    """
    The decision about a trace that begins.

    Attributes:
        is_sampled: Whether it is kept.
        state: The tracestate that it begins with.
        attributes: Gives the first span's attributes, without working them out a second time.
    """

    is_sampled: bool
    state: TraceState
    attributes: Start


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
        self.threshold = 0

    def decide(self, trace_id: int) -> bool:
        """Whether a trace is kept."""
        strategy = self.strategy
        self.threshold = threshold = strategy.threshold()
        # Python switches threads at calls and loops, so no count is lost in `+=`.
        if trace_id & LOW_BITS < threshold:
            self.dropped += 1
            return False
        self.kept += 1
        strategy.kept()
        return True


class EaiSampler(Sampler):
    """
    Decides about traces that begin, and follows their callers in all others.

    Args:
        strategy: Decides where no rule does.
        rules: The first one that matches decides.
        make_rate: Makes what a rule with ``tps`` asks for the ratio, from the number and the rule.
    """

    def __init__(
        self,
        strategy: Strategy,
        rules: Sequence[RuleSetting] = (),
        make_rate: MakeRate = lambda target, _: Rate(target),
    ) -> None:
        self._deciders = _deciders(strategy, rules, make_rate)

    @property
    def deciders(self) -> tuple[Decider, ...]:
        """The rules in their order, and last what decides where none does."""
        return self._deciders

    def take_over(self, other: EaiSampler) -> None:
        """Decide as another sampler does, at once and in all threads; counts begin anew."""
        self._deciders = other.deciders

    def decide_root(self, trace_id: int, name: str, kind: SpanKind, attributes: Start) -> Root:
        """
        Decide about a trace that begins.

        Args:
            trace_id: Its id, whose low 56 bits are random.
            name: The first span's name.
            kind: Its kind.
            attributes: Gives its attributes; called at most once, and only if a rule needs them.
        """
        *rules, decider = self._deciders
        if rules:
            attributes = _Once(attributes)
            for one in rules:
                rule: Any = one.rule
                if rule.matches(name, kind, attributes):
                    if not rule.setting.is_dry:
                        decider = one
                        break
                    one.dropped += 1
        if decider.decide(trace_id):
            return Root(True, _state_of(decider.threshold), attributes)  # noqa: FBT003 - a tuple
        return Root(False, _EMPTY, attributes)  # noqa: FBT003 - a tuple

    def should_sample(  # noqa: PLR0913, PLR0917 - the SDK's
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,  # noqa: ARG002 - the SDK's
        trace_state: TraceState | None = None,  # noqa: ARG002 - the SDK's; that of the parent counts
    ) -> SamplingResult:
        """Decide about any span, as the SDK's own tracers ask."""
        parent = trace.get_current_span(parent_context).get_span_context()
        if parent.is_valid:
            decision = _decision(is_sampled=parent.trace_flags.sampled)
            return SamplingResult(decision, attributes, parent.trace_state)
        given = attributes or {}
        found = self.decide_root(trace_id, name, kind or SpanKind.INTERNAL, lambda: given)
        decision = _decision(is_sampled=found.is_sampled)
        return SamplingResult(decision, attributes, found.state)

    def get_description(self) -> str:
        """The strategy and the number of rules."""
        *rules, last = self._deciders
        return f"EaiSampler{{{type(last.strategy).__name__}, {len(rules)} rules}}"


class _Once:
    """Attributes that are worked out once, when they are first asked for."""

    __slots__ = ("_found", "_make")

    def __init__(self, make: Start) -> None:
        self._make = make
        self._found: Mapping[str, Any] | None = None

    def __call__(self) -> Mapping[str, Any]:
        if self._found is None:
            self._found = self._make() or {}
        return self._found


def _decision(*, is_sampled: bool) -> Decision:
    return Decision.RECORD_AND_SAMPLE if is_sampled else Decision.DROP


def _deciders(
    strategy: Strategy, rules: Sequence[RuleSetting], make_rate: MakeRate
) -> tuple[Decider, ...]:
    by_rule = (Decider(rule.text, _strategy_of(rule, make_rate), Rule(rule)) for rule in rules)
    return (*by_rule, Decider("", strategy))


def _strategy_of(rule: RuleSetting, make_rate: MakeRate) -> Strategy:
    if rule.action == "tps":
        return Adaptive(make_rate(rule.value, rule.text))
    return Fixed({"drop": 0.0, "keep": 1.0}.get(rule.action, rule.value))


# An adaptive ratio has few values at five digits, and the same one comes many times.
@lru_cache(maxsize=1024)
def _state_of(threshold: int) -> TraceState:
    return with_threshold(None, threshold)
