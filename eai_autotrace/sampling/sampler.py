"""
The sampler ``eai``: the parent's decision first, then rules, then one ratio for all else.

A sampled parent is followed and its tracestate stays as it is, an unsampled one is followed too: a
trace is kept as a whole. What is decided here is a threshold decision, and the threshold travels
with the trace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import SpanKind, TraceState

from eai_autotrace.patching.forks import handle_when_forked
from eai_autotrace.patching.guard import report
from eai_autotrace.sampling.deciders import Plan
from eai_autotrace.sampling.rate import Rate
from eai_autotrace.sampling.start import Start
from eai_autotrace.sampling.threshold import (
    LOW_BITS,
    randomness_of,
    state_of,
    threshold_in,
    with_threshold,
)
from eai_autotrace.semconv.attributes import URL_PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanContext
    from opentelemetry.util.types import Attributes

    from eai_autotrace.config.sampling import RuleSetting
    from eai_autotrace.sampling.deciders import Decider, MakeRate, Ratio
    from eai_autotrace.sampling.part import Part
    from eai_autotrace.sampling.tail import TailKeeper

    Describe = Callable[[], Mapping[str, Any]]
    Root = tuple[bool, TraceState, Describe, Part | None]

_EMPTY: Final = TraceState()
_NONE: Final[Mapping[str, Any]] = {}


class EaiSampler(Sampler):
    """
    Decides about traces that begin, and follows their callers in all others.

    Args:
        ratio: The share that is kept where no rule decides, or what gives it for each trace.
            ``None`` keeps all, and tells no threshold.
        rules: The first one that matches decides.
        make_rate: Makes what a rule with ``tps`` asks for the ratio, from the number and the rule.
        tail: Holds what is not kept, and keeps what turns out to matter; ``None`` for nothing.
    """

    def __init__(
        self,
        ratio: Ratio | None,
        rules: Sequence[RuleSetting] = (),
        make_rate: MakeRate = lambda target, _: Rate(target),
        tail: TailKeeper | None = None,
    ) -> None:
        self._plan = Plan(ratio, rules, make_rate, tail)
        # Of the sampler, as such a hook stays for good and plans come and go.
        handle_when_forked(self._count_anew)

    @property
    def tail(self) -> TailKeeper | None:
        """What holds traces that were not kept; ``None`` for nothing."""
        return self._plan.tail

    @property
    def deciders(self) -> tuple[Decider, ...]:
        """The rules in their order, operations, and last what decides where none does."""
        return self._plan.deciders

    def take_over(self, other: EaiSampler) -> None:
        """Decide as another sampler does, at once and in all threads; counts begin anew."""
        self._plan = other._plan

    def _count_anew(self) -> None:
        self._plan.count_anew()

    def decide_root(
        self,
        trace_id: int,
        name: str,
        kind: SpanKind,
        attributes: Describe,
        early: Mapping[str, Any] | None = None,
    ) -> Root:
        """
        Decide about a trace that begins.

        Args:
            trace_id: Its id, or another number whose low 56 bits are its randomness.
            name: The first span's name.
            kind: Its kind.
            attributes: Gives its attributes; called at most once, and only if one is needed.
            early: Those of them that are known without work.

        Returns:
            Whether it is kept, the tracestate that it begins with, what gives the attributes
            without working them out a second time, and what holds it if it is not kept.
        """
        try:
            plan, route = self._plan, ""
            decider = plan.last if plan.operations is None else plan.operations[name]
            rules, others, is_named = plan.by_kind[kind._value_]
            if early and URL_PATH in early and not is_named(early[URL_PATH]):
                rules = others
            if rules or decider.routes is not None:
                start = Start(name, attributes, early or _NONE)
                attributes = start.all
                decider = start.first(rules) or decider
                if decider.routes is not None:
                    route = start.route()
            threshold = decider.decide(trace_id & LOW_BITS, route)
            # Plain tuples: a named one takes 0.3 us more.
            if threshold is not None:
                state = state_of(threshold) if decider.tells else _EMPTY
                return True, state, attributes, None
            tail = None if decider.is_final else plan.tail
            part = None if tail is None else tail.begin(is_below=False)
        except Exception as failure:  # noqa: BLE001 - the boundary: this runs in `start_span`
            report("sampling", failure)
            return True, _EMPTY, attributes, None  # how likely that was is not known
        return False, _EMPTY, attributes, part

    def follow(self, parent: SpanContext) -> Part | None:
        """What a span belongs to whose parent is not sampled; ``None`` if it is not recorded."""
        tail = self._plan.tail
        if tail is None:
            return None
        try:
            return tail.follow(parent)
        except Exception as failure:  # noqa: BLE001 - the boundary: this runs in `start_span`
            report("sampling", failure)
            return None

    def should_sample(  # noqa: PLR0913, PLR0917 - the SDK's
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,  # noqa: ARG002 - the SDK's
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """
        Decide about any span, as the SDK's own tracers ask.

        A tracestate matters where there is no parent: its ``rv`` is the trace's randomness, and all
        else in it stays.
        """
        parent = trace.get_current_span(parent_context).get_span_context()
        if parent.is_valid:
            decision = _decision(is_sampled=parent.trace_flags.sampled)
            return SamplingResult(decision, attributes, parent.trace_state)
        given = attributes or {}
        is_sampled, state, *_ = self.decide_root(
            randomness_of(trace_id, trace_state), name, kind or SpanKind.INTERNAL, lambda: given
        )
        if trace_state:
            state = with_threshold(trace_state, threshold_in(state))
        return SamplingResult(_decision(is_sampled=is_sampled), attributes, state)

    def get_description(self) -> str:
        """The sampler and the number of its rules."""
        return f"EaiSampler{{{len(self.deciders) - 1} rules}}"


def _decision(*, is_sampled: bool) -> Decision:
    return Decision.RECORD_AND_SAMPLE if is_sampled else Decision.DROP
