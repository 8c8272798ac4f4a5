"""What peers and operations are made of, for the laboratory and for the measured processes."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

QUERIES_PER_ROOT = 100
"""Operations below a request stand below one: some peers record nothing else."""

NO_AIO_PIKA = "There is no integration for aio-pika."


class Peer:
    """
    One way to trace a program, or not to.

    The first methods are the laboratory's, the last ones run in measured processes.

    Attributes:
        name: On the command line.
        title: In the report.
        distribution: Whose version the report gives.
        requirements: What pip installs besides the libraries that all have.
        sink: The name of the protocol that it speaks.
        wrapper: What stands before ``python`` on the command line.
        loader: The module of somebody else's that its wrapper has every program import first.
        start_code: Python code that a program without a wrapper begins with.
        spans: How many spans it makes of one call of an operation, by the operation's name.
        reasons: Why it makes none, or others than asked for, by the operation's name.
        how: How it was set up and where it exports to, for the report.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    distribution: ClassVar[str] = ""
    requirements: ClassVar[tuple[str, ...]] = ()
    sink: ClassVar[str] = "otlp"
    wrapper: ClassVar[tuple[str, ...]] = ()
    loader: ClassVar[str] = ""
    start_code: ClassVar[str] = "pass"
    spans: ClassVar[Mapping[str, int]] = {}
    reasons: ClassVar[Mapping[str, str]] = {}
    how: ClassVar[str]

    def environment(self, url: str, *, sampled: bool) -> dict[str, str]:
        """
        The variables that its documentation asks for.

        Args:
            url: Where the sink listens.
            sampled: Whether traces are recorded, or decided against.
        """
        raise NotImplementedError

    def start(self) -> None:
        """Begin, before anything else is imported, where there is no wrapper."""

    def instrument(self, app: Any) -> Any:
        """Trace a FastAPI application; gives what the server is to run."""
        return app

    def instrument_openai(self) -> None:
        """Trace OpenAI's clients, where that takes code."""

    def root(self) -> AbstractContextManager[Any]:
        """A trace of its own around what is below a request."""
        return nullcontext()

    def flush(self) -> None:
        """Send what is left and wait for it."""


@dataclass
class Job:
    """
    An operation that is ready to run.

    Attributes:
        run: Does it so many times.
        before: What it needs for so many times, and what is not measured.
    """

    run: Callable[[int], Awaitable[object]]
    before: Callable[[int], Awaitable[object]] | None = None


@dataclass(frozen=True)
class Services:
    """Addresses of the servers that operations talk to."""

    postgresql: str = ""
    rabbitmq: str = ""


@dataclass(frozen=True)
class Operation:
    """
    Something that a program does, and what it costs.

    Attributes:
        name: On the command line.
        title: In the report.
        prepare: Makes it ready in a measured process, for as long as the context lasts.
        calls: How often it is done in one round.
        sampled: Whether its traces are recorded.
        rooted: Whether it stands below a root span, one for each ``QUERIES_PER_ROOT`` calls.
        services: The attributes of `Services` that it needs.
        unit: What the report counts in.
        kind: How it is measured; see `benchmarks.gauges`.
        rounds: How many rounds are enough.
        like: The operation whose spans it makes, if that is another one.
    """

    name: str
    title: str
    prepare: Callable[[Peer, Services], AbstractAsyncContextManager[Job]] | None = None
    calls: int = 1000
    sampled: bool = True
    rooted: bool = False
    services: tuple[str, ...] = ()
    unit: str = "µs"
    kind: str = "cpu"
    rounds: int = 1000
    like: str = ""

    def spans(self, peer: Peer) -> int:
        """How many spans a peer makes of one call, where it is sampled."""
        return peer.spans.get(self.like or self.name, 0)

    def expected(self, peer: Peer, calls: int) -> int:
        """How many spans a peer sends of so many calls."""
        if not self.sampled:
            return 0
        each = self.spans(peer) * calls
        return each + (peer.spans.get("root", 0) * roots(calls) if self.rooted else 0)


def roots(calls: int) -> int:
    """How many root spans so many calls stand below."""
    return -(-calls // QUERIES_PER_ROOT)


async def below_roots(peer: Peer, calls: int, call: Callable[[], Awaitable[object]]) -> None:
    """Make calls, each hundred of them below a root span."""
    for start in range(0, calls, QUERIES_PER_ROOT):
        with peer.root():
            for _ in range(min(QUERIES_PER_ROOT, calls - start)):
                await call()
