"""
The samplers ``parentbased_jaeger_remote`` and ``jaeger_remote``: Jaeger says which traces are kept.

Each strategy becomes a plan of our own sampler, so decisions are threshold decisions, and the
tracestate tells the threshold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import SpanKind

from eai_autotrace.patching.guard import guard
from eai_autotrace.sampling.deciders import Plan
from eai_autotrace.sampling.operations import Operations
from eai_autotrace.sampling.poll import Poll
from eai_autotrace.sampling.rate import Rate
from eai_autotrace.sampling.sampler import EaiSampler
from eai_autotrace.sampling.strategy import Strategy
from eai_autotrace.sampling.threshold import randomness_of, threshold_in, with_threshold

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, TraceState
    from opentelemetry.util.types import Attributes

    from eai_autotrace.sampling.sampler import Describe, Root


class RemoteSampler(EaiSampler):
    """
    Decides as Jaeger says about traces that begin, and follows their callers in all others.

    Args:
        fetch: Gives the body of Jaeger's response, or raises.
        interval: Seconds between two looks at it.
        initial_ratio: The share of traces that is kept until there is a strategy.
    """

    def __init__(
        self, fetch: Callable[[], bytes], *, interval: float, initial_ratio: float
    ) -> None:
        super().__init__(initial_ratio)
        self._strategy = Strategy(initial_ratio)
        self._poll = Poll(fetch, self.take, interval)

    def take(self, strategy: Strategy) -> None:
        """Decide by a strategy from now on; one that is the same changes nothing."""
        if strategy == self._strategy:
            return
        before, rate = self._plan, strategy.per_second
        plan = Plan(strategy.ratio if rate is None else Rate(rate), (), lambda most, _: Rate(most))
        plan.last.kept, plan.last.dropped = before.last.kept, before.last.dropped
        if strategy.operations is not None:
            plan.operations = Operations(strategy, plan.last, before.operations)
        self._strategy, self._plan = strategy, plan

    def take_over(self, other: EaiSampler) -> None:  # noqa: ARG002 - that of every sampler
        """
        Decide as another sampler does, which this one cannot.

        Raises:
            RuntimeError: Always.
        """
        raise RuntimeError("Jaeger says what this sampler decides; OTEL_TRACES_SAMPLER names it")

    def decide_root(
        self,
        trace_id: int,
        name: str,
        kind: SpanKind,
        attributes: Describe,
        early: Mapping[str, Any] | None = None,
    ) -> Root:
        """Decide about a trace that begins, see `EaiSampler.decide_root`."""
        if not self._poll.is_started:
            with guard("looking for a sampling strategy"):
                self._poll.start()
        return super().decide_root(trace_id, name, kind, attributes, early)

    def get_description(self) -> str:
        """The sampler and its strategy."""
        ratio, rate, operations, _ = self._strategy
        if operations is not None:
            return f"RemoteSampler{{{len(operations)} operations, {ratio:g} of others}}"
        return f"RemoteSampler{{{ratio:g}}}" if rate is None else f"RemoteSampler{{{rate:g}/s}}"


class RemoteSpanSampler(Sampler):
    """
    Decides as Jaeger says about each span, whatever was decided about its parent.

    Args:
        remote: Decides.
    """

    def __init__(self, remote: RemoteSampler) -> None:
        self._remote = remote

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
        Decide about a span.

        The tracestate stays, but for the threshold: that is the one of this decision.
        """
        parent = trace.get_current_span(parent_context).get_span_context()
        state = parent.trace_state if parent.is_valid else trace_state
        given = attributes or {}
        is_sampled, decided, *_ = self._remote.decide_root(
            randomness_of(trace_id, state), name, kind or SpanKind.INTERNAL, lambda: given
        )
        decision = Decision.RECORD_AND_SAMPLE if is_sampled else Decision.DROP
        return SamplingResult(decision, attributes, with_threshold(state, threshold_in(decided)))

    def get_description(self) -> str:
        """The sampler and its strategy."""
        return self._remote.get_description().replace("RemoteSampler", "RemoteSpanSampler")
