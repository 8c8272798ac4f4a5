"""Notices: functions whose calls get no span, and tell something about one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar

from eai_autotrace.patching.guard import report

if TYPE_CHECKING:
    from collections.abc import Callable

    from eai_autotrace.instrumentation.active import Tracing
    from eai_autotrace.patching.patch import Patch


@dataclass(frozen=True)
class Notice:
    """
    A plain function whose calls are noticed.

    Attributes:
        module: The module that defines the function.
        path: The function in that module.
        notice: Has the signature of the function; called after it has returned.
        is_before: Whether it is called before the function instead, so that it is if that raises.
    """

    module: str
    path: str
    notice: Callable[..., None]
    is_before: bool = False

    # It makes no spans, so it does not matter whose it is.
    is_shared: ClassVar = True

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:  # noqa: ARG002
        """The function that takes the original's place."""
        notice = self.notice
        what = f"noticing {self.module} {self.path}"

        def tell(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            try:
                if patch.active:
                    notice(*args, **kwargs)
            except Exception as failure:  # noqa: BLE001 - the boundary
                report(what, failure)

        @wraps(patch.original)
        def before(*args: Any, **kwargs: Any) -> Any:
            tell(args, kwargs)
            return patch.original(*args, **kwargs)

        @wraps(patch.original)
        def after(*args: Any, **kwargs: Any) -> Any:
            result = patch.original(*args, **kwargs)
            tell(args, kwargs)
            return result

        return before if self.is_before else after


@dataclass(frozen=True)
class Completed:
    """
    An ``async`` function whose calls are noticed once they have succeeded.

    Attributes:
        module: The module that defines the function.
        path: The function in that module.
        notice: Has the signature of the function.
    """

    module: str
    path: str
    notice: Callable[..., None]

    # It makes no spans, so it does not matter whose it is.
    is_shared: ClassVar = True

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:  # noqa: ARG002
        """The function that takes the original's place."""
        notice = self.notice
        what = f"noticing {self.module} {self.path}"

        @wraps(patch.original)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            result = await patch.original(*args, **kwargs)
            try:
                if patch.active:
                    notice(*args, **kwargs)
            except Exception as failure:  # noqa: BLE001 - the boundary
                report(what, failure)
            return result

        return wrapper
