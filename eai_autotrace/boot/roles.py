"""
What kind of process this is: most programs start some that do nothing to be traced.

Python starts all of them with our set-up, because they inherit ``PYTHONPATH``. Their command lines
tell them apart, as far as the standard library or a server writes or documents those:

- Helpers trace nothing, and start nothing: the resource tracker of multiprocessing, pip, and the
  supervisors of uvicorn and FastAPI's command, whose workers are new interpreters.
- Templates are what workers are forked from: multiprocessing's fork server, and the masters of
  gunicorn and granian. They get no provider and no thread. Each child is set up right after the
  fork, before any of its own code. Instrumentors are loaded in the template all the same: without
  a provider they do nothing, and an application that it preloads is patched as any other.

The command line is all there is at this moment: nothing of the server has been imported yet. Where
it does not tell for certain (``uvicorn.run(workers=2)`` in a script, ``WEB_CONCURRENCY``, hypercorn
with its file of settings), a process is set up as an ordinary one: that costs a supervisor some
memory, the other way round would cost a server its traces.
"""

from __future__ import annotations

import enum
import os
import re
import sys
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from eai_autotrace.patching.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Role(enum.Enum):
    """What a process is there for."""

    ORDINARY = "runs the application"
    HELPER = "serves other processes"
    TEMPLATE = "is what workers are forked from"


def role() -> Role:
    """The role of this process, or of the one that it was forked from."""
    return role_of(sys.orig_argv)


def role_of(command: Sequence[str]) -> Role:
    """
    The role of a Python process.

    Args:
        command: Its command line, beginning with the interpreter.
    """
    program, arguments = _program(command)
    if _HELPERS.fullmatch(program):
        return Role.HELPER
    decide = _SERVERS.get(program)
    return decide(arguments) if decide else Role.ORDINARY


def when_it_works(set_up: Callable[[], object], prepare: Callable[[], object]) -> None:
    """
    Set this process up if it runs the application: now, or where it is forked.

    Args:
        set_up: Called at most once in a process and those forked from it.
        prepare: Called in a template, for what its children then need not do each.
    """
    current = role()
    if current is Role.HELPER:
        return
    if current is Role.ORDINARY or not hasattr(os, "register_at_fork"):
        set_up()
        return
    prepare()
    os.register_at_fork(after_in_child=_Once(set_up))


class _Once:
    """Calls a function the first time, and not in the children of the process where it has."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._function: Callable[[], object] | None = function

    def __call__(self) -> None:
        function, self._function = self._function, None
        if function is not None:
            with guard("setting up a forked process"):
                function()


def _program(command: Sequence[str]) -> tuple[str, Sequence[str]]:
    """
    What an interpreter runs, and its arguments.

    The name of a script or of a module, or a program text up to the module that it begins with:
    ``from x import main`` is how the standard library starts its helpers.
    """
    position = 1
    while position < len(command):
        argument = command[position]
        position += 1
        if not argument.startswith("-") or argument == "-":
            return PurePath(argument).name, command[position:]
        option, value = _last_option(argument)
        if option and not value and position < len(command):
            value = command[position]
            position += 1
        if option == "m":
            return value, command[position:]
        if option == "c":
            imported = _IMPORT.match(value)
            return (imported[0] if imported else ""), command[position:]
    return "", ()


def _last_option(argument: str) -> tuple[str, str]:
    """The one that takes a value among an argument's options (``-Im``), and what follows it."""
    if argument == "--check-hash-based-pycs":
        return argument, ""
    found = _OPTION_WITH_VALUE.match(argument)
    return (found[1], found[2]) if found else ("", "")


def _uvicorn(arguments: Sequence[str]) -> Role:
    options = _options(arguments)
    workers = options.get("--workers", "")
    supervises = "--reload" in options or (workers.isdecimal() and int(workers) > 1)
    return Role.HELPER if supervises else Role.ORDINARY


def _fastapi(arguments: Sequence[str]) -> Role:
    options = _options(arguments)
    # Which of the two comes last decides, and a wrong guess would cost the traces.
    if "--no-reload" in options:
        return Role.ORDINARY
    return Role.HELPER if "dev" in arguments[:1] else _uvicorn(arguments)


def _granian(_: Sequence[str]) -> Role:
    """Its workers are processes, but threads where Python is built without the global lock."""
    from sysconfig import get_config_var  # noqa: PLC0415 - only granian needs it

    return Role.ORDINARY if get_config_var("Py_GIL_DISABLED") else Role.TEMPLATE


def _template(_: Sequence[str]) -> Role:
    return Role.TEMPLATE


def _options(arguments: Sequence[str]) -> dict[str, str]:
    """Options with the values that may be theirs; of several with one name the last one counts."""
    options = {}
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if argument == "--":
            break
        name, separator, value = argument.partition("=")
        if name.startswith("--"):
            options[name] = value if separator else following
    return options


_OPTION_WITH_VALUE: Final = re.compile(r"-[A-VY-Zabd-ln-z]*([cmWX])(.*)", re.DOTALL)
_IMPORT: Final = re.compile(r"from \S+ import main\b")
_HELPERS: Final = re.compile(
    r"from (.+\.)?(resource|semaphore)_tracker import main|pip[\d.]*|opentelemetry-instrument"
)
_SERVERS: Final[dict[str, Callable[[Sequence[str]], Role]]] = {
    "fastapi": _fastapi,
    "from multiprocessing.forkserver import main": _template,
    "granian": _granian,
    "gunicorn": _template,
    "uvicorn": _uvicorn,
}
