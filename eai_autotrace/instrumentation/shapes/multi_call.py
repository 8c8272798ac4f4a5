"""
Parts: operations that take several calls, and are one span.

The first part starts the span, the one that is found to be the last ends it. Where its owner is let
go of before, the span ends when the owner's end is seen, or with the store it is kept in.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import wraps
from time import time_ns
from typing import TYPE_CHECKING, Any

from eai_autotrace.instrumentation.active import ABANDONED, NOOP, ActiveOperation
from eai_autotrace.instrumentation.target import Target
from eai_autotrace.patching.guard import report
from eai_autotrace.semconv.attributes import EAI_OUTCOME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    from eai_autotrace.instrumentation.metrics import Measures
    from eai_autotrace.instrumentation.operation import Operation
    from eai_autotrace.instrumentation.tracing import Tracing
    from eai_autotrace.patching.patch import Patch

    Open = MutableMapping[int, "MultiCall"]


class MultiCall(ActiveOperation):
    """
    An operation that takes several calls.

    Attributes:
        parts: How many calls have given items so far; the instrumentor counts them.
        items: How many items they gave.
        last_part: When the last call ended, in nanoseconds since 1970.
    """

    parts = 0
    items = 0
    last_part: int | None = None

    def learnt(self) -> Mapping[str, Any]:
        """The attributes of its end."""
        return {}

    def finish(self, outcome: str | None = None, at: int | None = None) -> None:
        """End it; with an outcome if it was not exhausted."""
        if not self.ended:
            self.step_out()
            became = {EAI_OUTCOME: outcome} if outcome else {}
            self.end({**self.learnt(), **became}, at)

    def abandon(self) -> None:
        """End it as unfinished, at the time of its last call."""
        self.finish(ABANDONED, self.last_part)

    def break_off(self, error: BaseException) -> None:
        """End it with the exception that one of its calls has raised."""
        if not self.ended:
            self.step_out()
            self.fail(error, self.learnt())

    def __del__(self) -> None:
        """Its owner was collected."""
        if not getattr(self, "ended", True):
            try:
                self.abandon()
            except Exception as failure:  # noqa: BLE001 - the boundary
                report("ending a span", failure)


@dataclass(frozen=True)
class CallPart(Target):
    """
    A call that does a part of an operation: an ``async`` method, or a plain one that gives an
    awaitable.

    Attributes:
        describe: Has the signature of the method. Gives the operation that begins with this call,
            or ``None`` where none does.
        kept: Gets the owner, the object that the method was called on. Gives the mapping that holds
            its unfinished operations.
        take: Gets the operation, the owner and the result of the call. Tells whether this was the
            last call.
        operation_class: The class of the operation.
        measures: What is measured of each operation.
        is_current: Whether the operation stays current between the calls, in the task that started
            it.
    """

    describe: Callable[..., Operation | None]
    kept: Callable[[Any], Open]
    take: Callable[[Any, Any, Any], bool]
    operation_class: type[MultiCall] = MultiCall
    measures: Measures | None = None
    is_current: bool = False

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:
        """The function that takes the original's place."""
        find = self._finder(patch, tracing)
        settle = self._settle

        async def part(awaitable: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            whole = find(args, kwargs)
            try:
                result = await awaitable
            except BaseException as error:
                if not whole.ended:
                    self._break_off(whole, args[0], error)
                raise
            if not whole.ended:
                settle(whole, args[0], result)
            return result

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            result = patch.original(*args, **kwargs)
            return part(result, args, kwargs) if inspect.isawaitable(result) else result

        return wraps(patch.original)(wrapper)

    def _finder(self, patch: Patch, tracing: Tracing) -> Callable[..., MultiCall]:
        """The function that finds the operation of a call, or starts it."""
        what = f"tracing {self.module} {self.path}"
        start: Any = tracing.starter(
            self.describe, what, patch, self.measures, self.operation_class
        )
        kept = self.kept
        is_current = self.is_current

        def find(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if not patch.active:
                return _NO_WHOLE
            try:
                owner = args[0]
                store = kept(owner)
                whole = store.get(id(owner))
                if whole is None or whole.ended:
                    whole = start(args, kwargs)
                    if whole is NOOP:
                        return _NO_WHOLE
                    store[id(owner)] = whole
                    if is_current:
                        whole.step_in()
            except Exception as failure:  # noqa: BLE001 - the boundary
                report(what, failure)
                return _NO_WHOLE
            return whole

        return find

    def _settle(self, whole: MultiCall, owner: Any, result: Any) -> None:
        try:
            if self.take(whole, owner, result):
                self.kept(owner).pop(id(owner), None)
                whole.finish()
            else:
                whole.last_part = time_ns()
        except Exception as failure:  # noqa: BLE001 - the boundary
            report(f"reading the result of {self.module} {self.path}", failure)

    def _break_off(self, whole: MultiCall, owner: Any, error: BaseException) -> None:
        try:
            self.kept(owner).pop(id(owner), None)
            whole.break_off(error)
        except Exception as failure:  # noqa: BLE001 - the boundary
            report(f"ending {self.module} {self.path}", failure)


class _NoWhole:
    """Stands in where nothing is traced."""

    ended = True


_NO_WHOLE: Any = _NoWhole()


@dataclass(frozen=True)
class OwnerEnd(Target):
    """
    A plain method that ends an owner, such as its ``__del__``, and its unfinished operation.

    Attributes:
        kept: As in `CallPart`.
    """

    kept: Callable[[Any], Open]

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:  # noqa: ARG002
        """The function that takes the original's place."""
        kept = self.kept
        what = f"ending a span at {self.module} {self.path}"

        @wraps(patch.original)
        def wrapper(owner: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                whole = kept(owner).pop(id(owner), None)
                if whole is not None:
                    whole.abandon()
            except Exception as failure:  # noqa: BLE001 - the boundary
                report(what, failure)
            return patch.original(owner, *args, **kwargs)

        return wrapper
