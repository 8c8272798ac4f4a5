"""
The command ``eai-autotrace``: a table of commands.

Each module of the table has ``add_to``, which says what arguments a command takes and which function
runs it. What a command needs is imported when it runs.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import TYPE_CHECKING, Final

from eai_autotrace import __version__
from eai_autotrace.commands import privacy

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMMANDS: Final = (privacy,)
_WRONG_USE: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run a command; gives the exit code.

    Args:
        arguments: Those of the command line if not given.
    """
    parser = ArgumentParser(
        prog="eai-autotrace",
        description="Looks at what eai-autotrace does with your settings.",
    )
    parser.add_argument("--version", action="version", version=f"eai-autotrace {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for module in _COMMANDS:
        module.add_to(commands)
    found = parser.parse_args(arguments)
    if not hasattr(found, "run"):
        parser.print_help(sys.stderr)
        return _WRONG_USE
    code: int = found.run(found)
    return code


if __name__ == "__main__":
    sys.exit(main())
