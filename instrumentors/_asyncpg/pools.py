"""asyncpg's pools: their metrics, and the functions of theirs that get no spans."""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from eai_autotrace.instrumentation import Measure, Measures, Observe, RootContext
from eai_autotrace.instrumentation.metrics import Recorder
from eai_autotrace.instrumentors._asyncpg.sessions import POSTGRESQL
from eai_autotrace.semconv.attributes import (
    DB_CLIENT_CONNECTION_POOL_NAME,
    DB_CLIENT_CONNECTION_STATE,
)
from eai_autotrace.semconv.metrics import (
    DB_CLIENT_CONNECTION_COUNT,
    DB_CLIENT_CONNECTION_CREATE_TIME,
    DB_CLIENT_CONNECTION_IDLE_MAX,
    DB_CLIENT_CONNECTION_IDLE_MIN,
    DB_CLIENT_CONNECTION_MAX,
    DB_CLIENT_CONNECTION_PENDING_REQUESTS,
    DB_CLIENT_CONNECTION_TIMEOUTS,
    DB_CLIENT_CONNECTION_USE_TIME,
    DB_CLIENT_CONNECTION_WAIT_TIME,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from eai_autotrace.instrumentation.metrics import Gauges
    from eai_autotrace.instrumentation.shapes.observe import Listener
    from eai_autotrace.instrumentation.tracing import Tracing
    from eai_autotrace.instrumentors._asyncpg.sessions import Sessions
    from eai_autotrace.patching.patch import Patch
    from eai_autotrace.semconv.metrics import Metric

    Readings = Iterator[tuple[float, Mapping[str, Any]]]

_POOL: Final = "asyncpg.pool"
_SECOND: Final = 1_000_000_000


class Known:
    """
    The state of one pool.

    Attributes:
        name: ``db.client.connection.pool.name``; ``None`` until it is needed.
        taken: For each connection in use, by its holder's id, when it was acquired.
        pending: The number of tasks that wait for a connection.
    """

    def __init__(self, pool: Any) -> None:
        self.name: str | None = None
        self.minimum: int = pool._minsize  # noqa: SLF001
        self.maximum: int = pool._maxsize  # noqa: SLF001
        self.taken: dict[int, int] = {}
        self.pending = 0


class Pools:
    """
    Measures pools.

    Pools are known by their queue of connections: a pool itself takes no weak reference.

    Args:
        sessions: The connections.
        gauges: The gauges to observe them with.
        is_measured: Whether metrics are wanted.
    """

    def __init__(self, sessions: Sessions, gauges: Gauges, *, is_measured: bool) -> None:
        self._sessions = sessions
        self._gauges = gauges
        self._is_measured = is_measured
        self._known: WeakKeyDictionary[Any, Known] = WeakKeyDictionary()
        self._recorders: dict[str, Recorder] = {}
        self._tracing: Tracing | None = None
        self._patch: Patch | None = None
        self._is_observed = not is_measured

    def targets(self) -> tuple[Observe | RootContext, ...]:
        """The functions to patch."""
        acquire = Observe(_POOL, "Pool._acquire", self._acquire, prepare=self._begin)
        background = RootContext(_POOL, "Pool._maintain_min_size")
        if not self._is_measured:
            return (acquire, background)
        return (
            acquire,
            background,
            Observe(_POOL, "Pool._get_new_connection", self._connect),
            Observe(_POOL, "Pool.close", self._close),
            Observe(_POOL, "Pool.terminate", self._close),
            Observe(_POOL, "PoolConnectionHolder._release", self._release),
        )

    def _begin(self, tracing: Tracing, patch: Patch) -> None:
        self._tracing, self._patch = tracing, patch

    def _acquire(self, pool: Any, timeout: float | None) -> Listener | None:
        known = self._of(pool)
        if known is None:
            return None
        started = time_ns()
        known.pending += 1

        def acquired(proxy: Any, error: BaseException | None) -> None:
            known.pending -= 1
            now = time_ns()
            if error is None:
                waited = now - started
                self._sessions.of(proxy._con).waited = waited / _SECOND  # noqa: SLF001
                known.taken[id(proxy._holder)] = now  # noqa: SLF001
                self._record(DB_CLIENT_CONNECTION_WAIT_TIME, pool, known, waited)
            elif timeout is not None and type(error).__name__ == "TimeoutError":
                self._record(DB_CLIENT_CONNECTION_TIMEOUTS, pool, known)

        return acquired

    def _connect(self, pool: Any) -> Listener | None:
        known = self._of(pool)
        started = time_ns()

        def connected(connection: Any, error: BaseException | None) -> None:
            if error is None and known is not None:
                if known.name is None:
                    known.name = self._free(self._sessions.of(connection).server.name)
                duration = time_ns() - started
                self._record(DB_CLIENT_CONNECTION_CREATE_TIME, pool, known, duration)

        return connected

    def _release(self, holder: Any) -> None:
        pool = holder._pool  # noqa: SLF001
        known = self._known.get(pool._queue)  # noqa: SLF001
        taken = known.taken.pop(id(holder), None) if known is not None else None
        if known is not None and taken is not None:
            self._record(DB_CLIENT_CONNECTION_USE_TIME, pool, known, time_ns() - taken)

    def _close(self, pool: Any) -> Listener:
        def closed(result: Any, error: BaseException | None) -> None:  # noqa: ARG001
            self._known.pop(pool._queue, None)  # noqa: SLF001

        return closed

    def _of(self, pool: Any) -> Known | None:
        """The state of a pool; ``None`` before it was initialized."""
        queue = pool._queue  # noqa: SLF001
        if queue is None:
            return None
        known = self._known.get(queue)
        if known is None:
            known = self._known[queue] = Known(pool)
            if not self._is_observed:
                self._observe()
        return known

    def _record(self, metric: Metric, pool: Any, known: Known, duration: int = 0) -> None:
        if not self._is_measured or self._tracing is None:
            return
        if known.name is None:
            known.name = self._free(self._planned_name(pool))
        recorder = self._recorders.get(metric.name)
        if recorder is None:
            value = 1 if metric is DB_CLIENT_CONNECTION_TIMEOUTS else None
            measures = Measures((DB_CLIENT_CONNECTION_POOL_NAME,), (), (Measure(metric, value),))
            tracing = self._tracing
            recorder = Recorder(measures, lambda: tracing.meter)
            self._recorders[metric.name] = recorder
        recorder.end((known.name,), {}, duration, None)

    def _planned_name(self, pool: Any) -> str:
        """The name of a pool, from a connection if there is one, else from its arguments."""
        for holder in pool._holders:  # noqa: SLF001
            if holder._con is not None:  # noqa: SLF001
                return self._sessions.of(holder._con).server.name  # noqa: SLF001
        given = pool._connect_kwargs  # noqa: SLF001
        args = (*pool._connect_args, None)  # noqa: SLF001
        dsn = urlsplit(given.get("dsn") or args[0] or "")
        host = given.get("host") or dsn.hostname
        database = given.get("database") or dsn.path.strip("/")
        if not isinstance(host, str):
            return POSTGRESQL
        return f"{host}:{given.get('port') or dsn.port or 5432}/{database}"

    def _free(self, name: str) -> str:
        """The name, with a number if another open pool has it."""
        taken = {known.name for known in list(self._known.values())}
        number, free = 1, name
        while free in taken:
            number += 1
            free = f"{name}#{number}"
        return free

    def _observe(self) -> None:
        tracing, self._is_observed = self._tracing, True
        if tracing is None:
            return
        for metric, read in (
            (DB_CLIENT_CONNECTION_COUNT, self._count),
            (DB_CLIENT_CONNECTION_IDLE_MAX, self._reader(lambda known: known.maximum)),
            (DB_CLIENT_CONNECTION_IDLE_MIN, self._reader(lambda known: known.minimum)),
            (DB_CLIENT_CONNECTION_MAX, self._reader(lambda known: known.maximum)),
            (DB_CLIENT_CONNECTION_PENDING_REQUESTS, self._reader(lambda known: known.pending)),
        ):
            self._gauges.observe(tracing.meter, metric, read)

    def _named(self) -> Iterator[tuple[Any, Known, dict[str, Any]]]:
        if self._patch is not None and self._patch.active:
            for queue, known in list(self._known.items()):
                if known.name is not None:
                    yield queue, known, {DB_CLIENT_CONNECTION_POOL_NAME: known.name}

    def _reader(self, read: Callable[[Known], int]) -> Callable[[], Readings]:
        def readings() -> Readings:
            for _, known, attributes in self._named():
                yield read(known), attributes

        return readings

    def _count(self) -> Readings:
        for queue, known, attributes in self._named():
            idle = sum(holder.is_connected() for holder in list(queue._queue))  # noqa: SLF001
            yield idle, {**attributes, DB_CLIENT_CONNECTION_STATE: "idle"}
            yield len(known.taken), {**attributes, DB_CLIENT_CONNECTION_STATE: "used"}
