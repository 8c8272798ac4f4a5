"""Sessions: objects whose ``async with`` block is one operation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.instrumentation.active import NOOP
from eai_autotrace.instrumentation.arguments import error_in
from eai_autotrace.instrumentation.target import Target
from eai_autotrace.patching.guard import guard, report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from eai_autotrace.instrumentation.active import ActiveOperation
    from eai_autotrace.instrumentation.metrics import Measures
    from eai_autotrace.instrumentation.operation import Operation
    from eai_autotrace.instrumentation.tracing import Tracing
    from eai_autotrace.patching.patch import Patch

_SESSION: Final = "__eai_session__"


@dataclass(frozen=True)
class Session(Target):
    """
    The ``__aenter__`` of an object whose block is one operation, such as a client's connection.

    The operation begins with the entering, and is current in the block. It ends with `SessionEnd`,
    with an entering that fails, or when the object is collected.

    Attributes:
        describe: Gets the object. Gives the operation, or ``None`` for no span.
        result: Attributes from the object and what was entered, known at the end.
        measures: What is measured of each session.
    """

    describe: Callable[[Any], Operation | None]
    result: Callable[[Any, Any], Mapping[str, Any]] | None = None
    measures: Measures | None = None

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:
        """The function that takes the original's place."""
        what = f"tracing {self.module} {self.path}"
        start = tracing.starter(self.describe, what, patch, self.measures)

        @wraps(patch.original)
        async def wrapper(owner: Any) -> Any:
            active = start((owner,), {})
            if active is NOOP:
                return await patch.original(owner)
            active.step_in()
            try:
                entered = await patch.original(owner)
            except BaseException as error:
                active.step_out()
                active.fail(error)
                raise
            _hold(_HeldSession(active), owner, entered, self.result, what)
            return entered

        return wrapper


@dataclass(frozen=True)
class SessionEnd(Target):
    """The ``__aexit__`` of such an object: the block's exception is the session's."""

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:  # noqa: ARG002
        """The function that takes the original's place."""
        what = f"tracing {self.module} {self.path}"

        @wraps(patch.original)
        async def wrapper(owner: Any, *args: Any, **kwargs: Any) -> Any:
            held: _HeldSession | None = None
            with guard(what):
                held = owner.__dict__.pop(_SESSION, None)
            try:
                result = await patch.original(owner, *args, **kwargs)
            except BaseException as error:
                if held is not None:
                    held.end(error)
                raise
            if held is not None:
                held.end(error_in(args, kwargs))
            return result

        return wrapper


class _HeldSession:
    """A session under way, in the object that it belongs to."""

    __slots__ = ("_active", "attributes")

    def __init__(self, active: ActiveOperation) -> None:
        self._active = active
        self.attributes: Mapping[str, Any] | None = None

    def end(self, error: BaseException | None) -> None:
        with guard("ending a session"):
            self._active.step_out()
            if error is None:
                self._active.end(self.attributes)
            else:
                self._active.fail(error, self.attributes)

    def __del__(self) -> None:
        self._active.abandon()


def _hold(
    held: _HeldSession,
    owner: Any,
    entered: Any,
    result: Callable[[Any, Any], Mapping[str, Any]] | None,
    what: str,
) -> None:
    """Keep a session in its object; where there is no room, it ends with the entering."""
    with guard(what):
        if result is not None:
            held.attributes = result(owner, entered)
    try:
        owner.__dict__[_SESSION] = held
    except Exception as failure:  # noqa: BLE001 - the boundary
        report(what, failure)
        held.end(None)
