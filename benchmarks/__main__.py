"""The command: ``make bench ARGS="..."``, or ``python -m benchmarks ...``."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import machine, plot, report
from benchmarks.model import Services
from benchmarks.operations import OPERATIONS
from benchmarks.peers import PEERS
from benchmarks.study import Study, install, measure
from eai_autotrace._testing.postgresql import private_postgresql
from eai_autotrace._testing.rabbitmq import RabbitMQ

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TypeVar

    from benchmarks.model import Operation

    T = TypeVar("T")

_QUICK_ROUNDS = 3
_QUICK_SCALE = 0.2


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report."""
    options = _options(arguments)
    study = Study(
        peers=_named(PEERS, ["bare", *options.peers]),
        operations=_named(OPERATIONS, options.operations),
        rounds=_QUICK_ROUNDS if options.quick else options.rounds,
        minutes=0.1 if options.quick else options.minutes,
    )
    install(study, PEERS["bare"])
    with ExitStack() as stack:
        services = _services(stack, study.operations)
        for operation in study.operations:
            measure(study, operation, services, _QUICK_SCALE if options.quick else 1)
    title = f"What tracing costs, {report.today()}"
    picture = f"{report.today()}.svg" if options.output else ""
    text = report.markdown(study, machine.describe(), title, picture)
    report.publish(text, plot.svg(study), options.output)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="What tracing costs.")
    add = parser.add_argument
    add("--peers", type=_names(PEERS), default=list(PEERS), help=f"of {', '.join(PEERS)}")
    add(
        "--operations",
        type=_names(OPERATIONS),
        default=list(OPERATIONS),
        help=f"of {', '.join(OPERATIONS)}",
    )
    add("--rounds", type=int, default=9, help="rounds in which all take turns (9)")
    add("--minutes", type=float, default=0.5, help="of load before memory is measured (0.5)")
    add("--quick", action="store_true", help="short rounds and few: for a look, not for a result")
    add("--output", type=Path, help="a folder for the report; benchmarks/results for a full run")
    options = parser.parse_args(arguments)
    full = len(options.peers) == len(PEERS) and len(options.operations) == len(OPERATIONS)
    if full and not options.quick and not options.output:
        options.output = report.RESULTS
    return options


def _names(known: Iterable[str]) -> type:
    class Names(list[str]):
        """Names, separated by commas."""

        def __init__(self, text: str) -> None:
            super().__init__(name.strip() for name in text.split(","))
            for name in self:
                if name not in known:
                    raise argparse.ArgumentTypeError(f"{name!r}: known are {', '.join(known)}")

    return Names


def _named(known: dict[str, T], names: Sequence[str]) -> list[T]:
    return [value for name, value in known.items() if name in names]


def _services(stack: ExitStack, operations: Sequence[Operation]) -> Services:
    """The servers that the operations need; those that variables name, else private ones."""
    needed = {name for operation in operations for name in operation.services}
    postgresql = rabbitmq = ""
    if "postgresql" in needed:
        given = os.environ.get("EAI_TEST_POSTGRES_DSN")
        postgresql = given or stack.enter_context(private_postgresql())
    if "rabbitmq" in needed:
        given = os.environ.get("EAI_TEST_AMQP_URL")
        rabbitmq = given or stack.enter_context(RabbitMQ()).url
    return Services(postgresql, rabbitmq)


if __name__ == "__main__":
    sys.exit(main())
