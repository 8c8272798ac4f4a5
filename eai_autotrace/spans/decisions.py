"""
The standard samplers' decisions without the objects they make: 0.2 µs instead of 3.

Only the SDK's own classes are known here, and only their standard composition. Every other sampler
is asked as it wants to be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace import sampling

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.trace import SpanContext

    Decide = Callable[[SpanContext | None, int], bool]

_PARENT_BASED: Final = frozenset(
    {
        sampling.ParentBased,
        sampling.ParentBasedTraceIdRatio,
        sampling._ParentBasedAlwaysOn,
        sampling._ParentBasedAlwaysOff,
    }
)
_STATIC: Final = frozenset({sampling.StaticSampler, sampling._AlwaysOn, sampling._AlwaysOff})
_DELEGATES: Final = {
    "_remote_parent_sampled": True,
    "_remote_parent_not_sampled": False,
    "_local_parent_sampled": True,
    "_local_parent_not_sampled": False,
}


def quick_decision(sampler: sampling.Sampler) -> Decide | None:
    """
    A function of the parent and the trace id that decides as the sampler does, if it is known.

    Its samplers record what they sample, add no attributes and keep the parent's trace state.
    """
    alone = _root_decision(sampler)
    if alone is not None:
        return lambda _parent, trace_id: alone(trace_id)
    if type(sampler) not in _PARENT_BASED:
        return None
    root = _root_decision(sampler._root)  # type: ignore[attr-defined]
    follows = all(_static(getattr(sampler, name)) is on for name, on in _DELEGATES.items())
    if root is None or not follows:
        return None

    def decide(parent: SpanContext | None, trace_id: int) -> bool:
        if parent is None:
            return root(trace_id)
        return bool(parent.trace_flags & 1)

    return decide


def _root_decision(sampler: sampling.Sampler) -> Callable[[int], bool] | None:
    static = _static(sampler)
    if static is not None:
        return lambda _trace_id: static
    if type(sampler) is not sampling.TraceIdRatioBased:
        return None
    bound, limit = sampler.bound, sampler.TRACE_ID_LIMIT
    return lambda trace_id: trace_id & limit < bound


def _static(sampler: sampling.Sampler) -> bool | None:
    if type(sampler) not in _STATIC:
        return None
    decision = sampler._decision  # type: ignore[attr-defined]
    if decision is sampling.Decision.RECORD_ONLY:
        return None
    return bool(decision.is_sampled())
