"""Counts: functions whose calls are counted, and get no span."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar

from eai_autotrace.instrumentation.active import is_cancellation
from eai_autotrace.instrumentation.metrics import Recorder
from eai_autotrace.patching.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from eai_autotrace.instrumentation.active import Tracing
    from eai_autotrace.instrumentation.metrics import Measures
    from eai_autotrace.patching.patch import Patch


@dataclass(frozen=True)
class Count:
    """
    An ``async`` function whose calls are counted.

    Attributes:
        module: The module that defines the function.
        path: The function in that module.
        describe: Has the signature of the function, and is called after it. Gives the values that
            go with the count; ``None`` for a call that does not count.
        measures: What is counted.
        has_failures: Whether failed calls are counted, too; cancelled ones are not.
    """

    module: str
    path: str
    describe: Callable[..., tuple[Any, ...] | None]
    measures: Measures
    has_failures: bool = False

    is_shared: ClassVar = False

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:
        """The function that takes the original's place."""
        recorder = Recorder(self.measures, lambda: tracing.meter)
        describe, what = self.describe, f"counting {self.module} {self.path}"

        def count(error: BaseException | None, args: Any, kwargs: Any) -> None:
            with guard(what):
                measured = describe(*args, **kwargs) if patch.active else None
                if measured is not None:
                    learnt = {} if error is None else tracing.describe_error(error)
                    recorder.end(measured, learnt, 0, None)

        @wraps(patch.original)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            try:
                result = await patch.original(*args, **kwargs)
            except BaseException as error:
                if self.has_failures and not is_cancellation(error):
                    count(error, args, kwargs)
                raise
            count(None, args, kwargs)
            return result

        return wrapper
