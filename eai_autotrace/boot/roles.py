"""
Tells helper processes, which are not set up, from those that are traced.

Python starts all of them with our set-up, because they inherit ``PYTHONPATH``. Helpers trace
nothing and start nothing: the resource tracker of multiprocessing, pip, and the supervisors of
uvicorn and FastAPI's command, whose workers are new interpreters. Their command lines tell, as far
as the standard library or a server writes or documents those. It is all there is at this moment:
nothing of the server has been imported yet.

Where the command line does not tell for certain (``uvicorn.run(workers=2)`` in a script,
``WEB_CONCURRENCY``, hypercorn with its file of settings), a process is set up as any other. That
costs a supervisor some memory; the other way round would cost a server its traces.

Processes that fork their workers (gunicorn, granian, multiprocessing's fork server) are set up as
any other, see ``docs/adr/0012-forked-processes-inherit-their-set-up.md``.
"""

from __future__ import annotations

import re
import sys
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def is_helper() -> bool:
    """Whether this process, or the one that it was forked from, serves other processes."""
    return is_helper_command(sys.orig_argv)


def is_helper_command(command: Sequence[str]) -> bool:
    """
    Whether a Python process serves other processes.

    Args:
        command: Its command line, beginning with the interpreter.
    """
    program, arguments = _program(command)
    if _HELPERS.fullmatch(program):
        return True
    supervises = _SUPERVISORS.get(program)
    return supervises is not None and supervises(arguments)


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


def _uvicorn(arguments: Sequence[str]) -> bool:
    options = _options(arguments)
    workers = options.get("--workers", "")
    return "--reload" in options or (workers.isdecimal() and int(workers) > 1)


def _fastapi(arguments: Sequence[str]) -> bool:
    options = _options(arguments)
    # Which of the two comes last decides, and a wrong guess would cost the traces.
    if "--no-reload" in options:
        return False
    return "dev" in arguments[:1] or _uvicorn(arguments)


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
_SUPERVISORS: Final[dict[str, Callable[[Sequence[str]], bool]]] = {
    "fastapi": _fastapi,
    "uvicorn": _uvicorn,
}
