"""A run: every operation, with all peers side by side, round by round."""

from __future__ import annotations

import statistics
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.environments import Environment, InstallError, prepare
from benchmarks.gauges import GAUGES, Gauge, Sample
from benchmarks.process import Setting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.model import Operation, Peer, Services


class Added(NamedTuple):
    """
    What is added to a bare operation.

    Attributes:
        value: In the operation's unit: the median of the differences.
        ratio: The whole as a multiple of the bare one: the median of the ratios.
    """

    value: float
    ratio: float


@dataclass
class Cell:
    """
    What was measured of one operation of one peer.

    Attributes:
        samples: One for each round.
        failure: Why there are none, or no more.
    """

    samples: list[Sample] = field(default_factory=list)
    failure: str = ""

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return statistics.median(sample.value for sample in self.samples)

    @property
    def spread(self) -> float:
        """Half of the distance between the quartiles."""
        values = [sample.value for sample in self.samples]
        if len(values) == 1:
            return 0.0
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
        return (high - low) / 2

    def above(self, bare: Cell) -> Added:
        """
        What it takes more than the bare program, by the rounds that both have.

        Machines get slower and faster in the course of minutes. What is compared was measured
        within one round, so that this is the same for both.
        """
        samples = zip(self.samples, bare.samples, strict=False)  # one may have failed midway
        pairs = [(sample.value, base.value) for sample, base in samples]
        return Added(
            statistics.median(value - base for value, base in pairs),
            statistics.median(value / base for value, base in pairs),
        )

    @property
    def expected(self) -> int:
        """The spans that all rounds should have sent."""
        return sum(sample.expected for sample in self.samples)

    @property
    def received(self) -> int:
        """The spans that have come."""
        return sum(sample.received for sample in self.samples)


@dataclass
class Study:
    """
    All that a run has found.

    Attributes:
        peers: In the order of the report.
        operations: In the order of the report.
        rounds: How often everything was measured.
        minutes: How long "under load" was.
        environments: Of the peers that could be installed.
        failures: Why others could not, by name.
        cells: By the names of operation and peer.
    """

    peers: Sequence[Peer]
    operations: Sequence[Operation]
    rounds: int
    minutes: float
    environments: dict[str, Environment] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)


def say(text: str) -> None:
    """Tell how far it is."""
    sys.stderr.write(f"* {text}\n")


def install(study: Study, bare: Peer) -> None:
    """Make the environments of all peers, the bare one first."""
    reference = None
    for peer in (bare, *(peer for peer in study.peers if peer is not bare)):
        say(f"environment of {peer.title}")
        try:
            study.environments[peer.name] = prepare(peer, reference)
        except InstallError as error:
            study.failures[peer.name] = f"not installed: {error}"
            say(f"  {study.failures[peer.name]}")
        reference = reference or study.environments.get(bare.name)


def measure(study: Study, operation: Operation, services: Services, scale: float) -> None:
    """Measure one operation with all peers, in turn, round by round."""
    say(f"{operation.title}")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="eai-benchmark-")))
        gauges: dict[str, Gauge] = {}
        for peer in study.peers:
            failure = study.failures.get(peer.name, "")
            cell = study.cells[operation.name, peer.name] = Cell(failure=failure)
            if failure:
                continue
            environment = study.environments[peer.name]
            calls = max(1, int(operation.calls * scale))
            setting = Setting(peer, operation, environment, services, folder, calls, study.minutes)
            with _failing_into(cell, peer):
                gauges[peer.name] = stack.enter_context(GAUGES[operation.kind](setting))
        _take_turns(study, operation, gauges)


def _take_turns(study: Study, operation: Operation, gauges: dict[str, Gauge]) -> None:
    for turn in range(min(study.rounds, operation.rounds)):
        # Each round begins with another peer: what comes before leaves its mark on what follows.
        first = turn % len(study.peers)
        for peer in (*study.peers[first:], *study.peers[:first]):
            cell = study.cells[operation.name, peer.name]
            if not cell.failure:
                with _failing_into(cell, peer):
                    cell.samples.append(gauges[peer.name].sample())


@contextmanager
def _failing_into(cell: Cell, peer: Peer) -> Iterator[None]:
    """What goes wrong with one peer is said in its cell, and the others go on."""
    try:
        yield
    except (RuntimeError, OSError, ValueError) as error:
        say(f"{peer.title} failed: {error}")
        cell.failure = (str(error).strip().splitlines() or [repr(error)])[-1]
