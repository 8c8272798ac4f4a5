"""Why a trace that was not sampled is worth keeping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import SpanKind, StatusCode

from eai_autotrace.semconv.attributes import HTTP_REQUEST_METHOD, HTTP_RESPONSE_STATUS_CODE

if TYPE_CHECKING:
    from collections.abc import Collection

ERRORS: Final = "errors"
"""Any failed span."""

SERVER_ERRORS: Final = "5xx"
"""A request that was answered with a status of 500 or more."""

LLM: Final = "llm"
"""A failed call of a model."""

SLOW: Final = "slow"

_SERVER_ERROR: Final = 500
_GEN_AI: Final = "gen_ai."
_NANOSECONDS: Final = 1e9


class Reasons:
    """
    Finds reasons.

    Args:
        wanted: Those of `ERRORS`, `SERVER_ERRORS` and `LLM` that matter.
        slower_than: Seconds from which a local root matters; ``None`` for none.
    """

    def __init__(self, wanted: Collection[str], slower_than: float | None) -> None:
        self._wanted = frozenset(wanted)
        self._slower_than = None if slower_than is None else slower_than * _NANOSECONDS

    def of(self, span: Any, *, is_root: bool) -> str:
        """Why a span makes its part worth keeping; empty if it does not."""
        reasons, attributes = self._wanted, span.attributes
        has_failed = span.status.status_code is StatusCode.ERROR
        if has_failed and ERRORS in reasons:
            return ERRORS
        if SERVER_ERRORS in reasons and span.kind is SpanKind.SERVER:
            status = attributes.get(HTTP_RESPONSE_STATUS_CODE)
            if isinstance(status, int) and status >= _SERVER_ERROR:
                return SERVER_ERRORS
        if has_failed and LLM in reasons and any(key.startswith(_GEN_AI) for key in attributes):
            return LLM
        if is_root and self._slower_than is not None:
            return SLOW if span.end_time - span.start_time >= self._slower_than else ""
        return ""


def has_gone_on(span: Any) -> bool:
    """Whether a span has told another service that its trace is not kept."""
    if span.kind is SpanKind.CLIENT:
        return HTTP_REQUEST_METHOD in span.attributes
    return span.kind is SpanKind.PRODUCER
