"""Failures: functions that are a span only where they fail."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import wraps
from time import time_ns
from typing import TYPE_CHECKING, Any

from eai_autotrace.instrumentation.errors import is_cancellation
from eai_autotrace.instrumentation.target import Target
from eai_autotrace.patching.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from eai_autotrace.instrumentation.metrics import Measures
    from eai_autotrace.instrumentation.operation import Operation
    from eai_autotrace.instrumentation.tracing import Tracing
    from eai_autotrace.patching.patch import Patch


@dataclass(frozen=True)
class Failure(Target):
    """
    An ``async`` function that gets a span only if it fails.

    A cancelled call has not failed.

    Attributes:
        keyword: Only calls that pass this keyword are candidates for a span.
        describe: Has the signature of the function. Gives the operation, or ``None`` for no span.
            Called after the failure.
        measures: What is measured of each failure.
    """

    keyword: str
    describe: Callable[..., Operation | None]
    measures: Measures | None = None

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:
        """The function that takes the original's place."""
        what = f"tracing a failure of {self.module} {self.path}"
        keyword, describe = self.keyword, self.describe
        recorder = tracing.recorder(self.measures)

        async def traced(awaitable: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            started = time_ns()
            try:
                return await awaitable
            except BaseException as error:
                if not is_cancellation(error):
                    with guard(what):
                        operation = describe(*args, **kwargs)
                        if operation is not None:
                            began = replace(operation, started=started)
                            tracing.start(began, recorder).fail(error)
                raise

        # A plain function: most calls are others', and must not pay for a coroutine more.
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            result = patch.original(*args, **kwargs)
            return traced(result, args, kwargs) if keyword in kwargs and patch.active else result

        return wraps(patch.original)(wrapper)
