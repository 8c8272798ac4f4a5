"""A span that is current in a `with` block, or in a function."""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any

from opentelemetry import context as context_api
from opentelemetry import trace as api
from opentelemetry.trace import Status, StatusCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


class CurrentSpan:
    """A span that is current in a block, with the SDK's rules for exceptions."""

    __slots__ = ("_end", "_record", "_span", "_start", "_status", "_token")

    def __init__(
        self,
        start: Callable[[], api.Span],
        record: bool,
        status: bool,
        end: bool,
    ) -> None:
        self._start = start
        self._record = record
        self._status = status
        self._end = end

    def __enter__(self) -> api.Span:
        self._span = self._start()
        self._token = context_api.attach(api.set_span_in_context(self._span))
        return self._span

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        context_api.detach(self._token)
        span = self._span
        # What is no Exception, such as a cancellation, is no error of the operation.
        if isinstance(error, Exception) and span.is_recording():
            if self._record:
                span.record_exception(error)
            if self._status:
                span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))
        if self._end:
            span.end()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """As a decorator: a new span for each call."""
        again = (self._start, self._record, self._status, self._end)
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def async_wrapper(*args: Any, **kwargs: Any) -> Any:
                with CurrentSpan(*again):
                    return await function(*args, **kwargs)

            return async_wrapper

        @wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with CurrentSpan(*again):
                return function(*args, **kwargs)

        return wrapper
