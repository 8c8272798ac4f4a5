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


def _known(*names: str) -> frozenset[type]:
    """Those of the SDK's classes that this release has."""
    found = (getattr(sampling, name, None) for name in names)
    return frozenset(known for known in found if known is not None)


_PARENT_BASED: Final = _known(
    "ParentBased", "ParentBasedTraceIdRatio", "_ParentBasedAlwaysOn", "_ParentBasedAlwaysOff"
)
_STATIC: Final = _known("StaticSampler", "_AlwaysOn", "_AlwaysOff")
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
    try:
        return _quick_decision(sampler)
    except AttributeError:  # a release of the SDK that has other private names
        return None


def _quick_decision(sampler: sampling.Sampler) -> Decide | None:
    if type(sampler) not in _PARENT_BASED:
        return _decision(sampler, follows=False)
    follows = all(_static(getattr(sampler, name)) is on for name, on in _DELEGATES.items())
    return _decision(sampler._root, follows=True) if follows else None  # type: ignore[attr-defined]


def _decision(sampler: sampling.Sampler, *, follows: bool) -> Decide | None:
    """The decision of a sampler, for all traces or for those that begin here."""
    bound = _bound(sampler)
    if bound is None:
        return None
    limit: int = sampling.TraceIdRatioBased.TRACE_ID_LIMIT

    def decide(parent: SpanContext | None, trace_id: int) -> bool:
        if follows and parent is not None:
            return bool(parent.trace_flags & 1)
        return trace_id & limit < bound

    return decide


def _bound(sampler: sampling.Sampler) -> int | None:
    """The lower bits of the trace ids below which are sampled."""
    static = _static(sampler)
    if static is not None:
        return sampling.TraceIdRatioBased.TRACE_ID_LIMIT + 1 if static else 0
    return sampler.bound if type(sampler) is sampling.TraceIdRatioBased else None


def _static(sampler: sampling.Sampler) -> bool | None:
    if type(sampler) not in _STATIC:
        return None
    decision = sampler._decision  # type: ignore[attr-defined]
    if decision is sampling.Decision.RECORD_ONLY:
        return None
    return bool(decision.is_sampled())
