"""Functions that run in the background, outside of every trace."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any

from eai_autotrace.instrumentation.context import ROOT, attach, detach
from eai_autotrace.instrumentation.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from eai_autotrace.instrumentation.tracing import Tracing
    from eai_autotrace.patching.patch import Patch


@dataclass(frozen=True)
class RootContext(Target):
    """
    An ``async`` function that a library runs in the background: outside of every trace.

    Its task has the context of whoever happened to start it.
    """

    is_shared: bool = field(default=True, kw_only=True)

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:  # noqa: ARG002
        """The function that takes the original's place."""

        @wraps(patch.original)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            token = attach(ROOT) if patch.active else None
            try:
                return await patch.original(*args, **kwargs)
            finally:
                if token is not None:
                    # Closed in another context, as by the garbage collector, there is nothing to
                    # restore.
                    with suppress(Exception):
                        detach(token)

        return wrapper
