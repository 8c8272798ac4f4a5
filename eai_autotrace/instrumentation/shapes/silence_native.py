"""A library's own telemetry, silent where ours speaks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

from eai_autotrace.instrumentation.target import Target
from eai_autotrace.patching.guard import report

if TYPE_CHECKING:
    from collections.abc import Callable

    from eai_autotrace.instrumentation.tracing import Tracing
    from eai_autotrace.patching.patch import Patch


@dataclass(frozen=True)
class SilenceNative(Target):
    """
    A function of a library's own telemetry that stays silent where ours speaks.

    Attributes:
        when: Whether it is to stay silent now; gets the function's arguments.
        result: What its callers then get: what it gives where its telemetry is switched off.
        factory: Gets the function's arguments and makes what its callers get, where that has to be
            a new object for each call, such as a context manager.
    """

    when: Callable[..., bool]
    result: Any = None
    factory: Callable[..., Any] | None = None

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:  # noqa: ARG002
        """The function that takes the original's place."""
        factory = self.factory

        @wraps(patch.original)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            try:
                if patch.active and self.when(*args, **kwargs):
                    return self.result if factory is None else factory(*args, **kwargs)
            except Exception as failure:  # noqa: BLE001 - the boundary
                report(f"silencing {self.module} {self.path}", failure)
            return patch.original(*args, **kwargs)

        return wrapper
