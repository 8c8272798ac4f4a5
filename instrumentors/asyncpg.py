"""
Client spans and pool metrics for asyncpg.

Patches the public methods of ``asyncpg.Connection`` and ``PreparedStatement`` that send queries or
copy data: what applications call is one span, whatever it takes. Pools, subclasses and SQLAlchemy's
dialect go through these. A cursor is one span for all its portions, so the calls that fetch portions
are patched, and not those that give rows. Connecting is seen where every way to it passes, once for
each address that is tried. Preparing is a span only where it fails.

What asyncpg, its pools and SQLAlchemy send by themselves gets no spans, unless a setting asks for
it: resets of pooled connections, look-ups of types, pings. Arguments and rows are never recorded
by default, nor are literals in the text, nor ever the messages and details of errors, which quote
rows.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.instrumentation import Call, Failure, Inject, InjectOnly, Instrumentor
from eai_autotrace.instrumentation.metrics import Gauges
from eai_autotrace.instrumentors._asyncpg import queries as describe
from eai_autotrace.instrumentors._asyncpg.cursors import Cursors, Transactions
from eai_autotrace.instrumentors._asyncpg.errors import Errors
from eai_autotrace.instrumentors._asyncpg.internal_queries import Quiet
from eai_autotrace.instrumentors._asyncpg.notifications import Notifications
from eai_autotrace.instrumentors._asyncpg.pools import Pools
from eai_autotrace.instrumentors._asyncpg.queries import Queries
from eai_autotrace.instrumentors._asyncpg.sessions import Sessions
from eai_autotrace.instrumentors._libraries import LIBRARIES
from eai_autotrace.semconv._sql_comment import commented

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from eai_autotrace.config import Config
    from eai_autotrace.instrumentation import Measures, Operation
    from eai_autotrace.instrumentation.target import Target

    Describe = Callable[..., Operation | None]

_CONNECTION: Final = "asyncpg.connection"
_PREPARED: Final = "asyncpg.prepared_stmt"
_CONNECT: Final = "asyncpg.connect_utils"


class AsyncpgInstrumentor(Instrumentor):
    """Trace and measure asyncpg's connections, prepared statements, cursors and pools."""

    library = LIBRARIES["asyncpg"].requirement

    @cached_property
    def _gauges(self) -> Gauges:
        return Gauges()

    def targets_for(self, config: Config) -> tuple[Target, ...]:
        """What is patched under these settings; a later target lies around an earlier one."""
        sessions = Sessions(is_all_shown=config.db_internal_spans)
        queries = Queries(sessions, config)
        measures = describe.measures(config)
        quiet = () if config.db_internal_spans else Quiet(sessions).targets()
        return (
            *quiet,
            *_carriers(config.db_sqlcommenter),
            *_queries(queries, measures, counted=_counts(config)),
            *_copies(queries, measures),
            *_connecting(queries, config),
            *Cursors(sessions, queries, measures).targets(),
            *Transactions(sessions, config.db_transactions).targets(),
            *Notifications(sessions).targets(),
            *Pools(
                sessions, self._gauges, is_measured="connections" in config.db_metrics
            ).targets(),
        )

    def error_describer(self, config: Config) -> Callable[[BaseException], Mapping[str, Any]]:
        """What describes errors: with the names of constraints, or without."""
        return Errors(self.describe_error, is_constraint_named=config.db_constraint_names).describe


def _counts(config: Config) -> bool:
    return config.db_returned_rows or "returned_rows" in config.db_metrics


def _queries(queries: Queries, measures: Measures | None, *, counted: bool) -> tuple[Target, ...]:
    results: dict[str, tuple[str, Describe, Any]] = {
        "Connection.execute": (_CONNECTION, queries.query, describe.status),
        "Connection.executemany": (_CONNECTION, queries.executemany, None),
        "Connection.fetch": (_CONNECTION, queries.query, describe.rows),
        "Connection.fetchval": (_CONNECTION, queries.query, describe.value),
        "Connection.fetchrow": (_CONNECTION, queries.query, describe.row),
        "Connection.fetchmany": (_CONNECTION, queries.many, describe.rows),
        "PreparedStatement.fetch": (_PREPARED, queries.prepared, describe.rows),
        "PreparedStatement.fetchval": (_PREPARED, queries.prepared, describe.value),
        "PreparedStatement.fetchrow": (_PREPARED, queries.prepared, describe.row),
        "PreparedStatement.fetchmany": (_PREPARED, queries.prepared_many, describe.rows),
        "PreparedStatement.executemany": (_PREPARED, queries.prepared_many, None),
    }
    return (
        *(
            Call(module, path, described, result if counted else None, measures=measures)
            for path, (module, described, result) in results.items()
        ),
        # Those who prepare by themselves say whether by a name; queries do not.
        Failure(_CONNECTION, "Connection._get_statement", "named", queries.preparing, measures),
    )


def _copies(queries: Queries, measures: Measures | None) -> tuple[Call, ...]:
    described: dict[str, tuple[Describe, Any]] = {
        "Connection.copy_from_query": (queries.copy_query, describe.copied_out),
        "Connection.copy_from_table": (queries.copy_table, describe.copied_out),
        "Connection.copy_to_table": (queries.copy_table, describe.status),
        "Connection.copy_records_to_table": (queries.copy_table, describe.status),
    }
    return tuple(
        Call(_CONNECTION, path, copy, result, measures=measures)
        for path, (copy, result) in described.items()
    )


def _connecting(queries: Queries, config: Config) -> tuple[Call, ...]:
    connect = Call(_CONNECT, "_connect_addr", queries.connect, queries.connected)
    hidden = (
        Call(_CONNECTION, "Connection.prepare", queries.prepare),
        Call(_CONNECTION, "Connection._introspect_types", queries.introspection),
        Call(_CONNECTION, "Connection._introspect_type", queries.introspection),
    )
    return (
        *((connect,) if config.db_connect_spans else ()),
        *(hidden if config.db_internal_spans else ()),
    )


def _carriers(mode: str) -> tuple[InjectOnly, ...]:
    inject = Inject("query", commented)
    carriers = (
        InjectOnly(_CONNECTION, "Connection.execute", inject, _is_unprepared),
        InjectOnly(_CONNECTION, "Connection._get_statement", inject, _is_prepared),
    )
    return carriers[: {"off": 0, "unprepared": 1, "all": 2}[mode]]


def _is_unprepared(connection: Any, query: str, *args: object, **_: object) -> bool:  # noqa: ARG001
    """Whether ``execute`` sends the text as it is: without arguments, it does."""
    return isinstance(query, str) and not args


def _is_prepared(connection: Any, query: str, *_: object, **__: object) -> bool:  # noqa: ARG001
    """Whether the text is one, so that a comment can be added."""
    return isinstance(query, str)
