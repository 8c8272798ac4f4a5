"""What every shape of target is: a function of a library, and what takes its place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from eai_autotrace.instrumentation.tracing import Tracing
    from eai_autotrace.patching.patch import Patch


@dataclass(frozen=True)
class Target:
    """
    A function that is patched.

    Attributes:
        module: The module that defines the function, imported by the application, never by us.
        path: The function in that module, such as ``"Connection.execute"``.
        is_shared: Whether one wrapper serves all instrumentors that have an equal target.
    """

    module: str
    path: str
    is_shared: bool = field(default=False, kw_only=True)

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:
        """
        The function that takes the original's place.

        Args:
            patch: Has the original. Once it is not active, the wrapper does as the original.
            tracing: Starts the instrumentor's operations.
        """
        raise NotImplementedError
