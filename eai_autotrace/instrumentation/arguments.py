"""Reading and replacing one argument of a call, however the caller passed it."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Arguments = tuple[tuple[Any, ...], dict[str, Any]]

# The arguments of an `__aexit__`, without the manager: a type, an exception, a traceback.
_EXIT: Final = 3


def only_argument(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The first argument of a call, passed by position or by any name; ``None`` without any."""
    return args[0] if args else next(iter(kwargs.values()), None)


def error_in(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> BaseException | None:
    """The exception among the arguments of an ``__aexit__``, however they are passed."""
    if len(args) == _EXIT and args[1] is None and not kwargs:
        return None
    for argument in (*args, *kwargs.values()):
        if isinstance(argument, BaseException):
            return argument
    return None


class Parameter:
    """
    One parameter of a function.

    Args:
        function: The function that will be called; ``self`` counts as its first argument.
        name: The parameter's name.

    Raises:
        ValueError: The function has no such parameter.
    """

    __slots__ = ("_position", "name")

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        parameters = inspect.signature(function).parameters
        if name not in parameters:
            raise ValueError(f"{function.__qualname__} has no parameter {name!r}")
        self.name = name
        keyword_only = parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
        # A keyword-only parameter stands behind all positions.
        self._position = sys.maxsize if keyword_only else list(parameters).index(name)

    def get(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The argument, or ``None`` where the caller left it out."""
        if self._position < len(args):
            return args[self._position]
        return kwargs.get(self.name)

    def put(self, args: tuple[Any, ...], kwargs: dict[str, Any], value: Any) -> Arguments:
        """The arguments with this one replaced. What was passed in stays as it is."""
        position = self._position
        if position < len(args):
            return (*args[:position], value, *args[position + 1 :]), kwargs
        return args, {**kwargs, self.name: value}
