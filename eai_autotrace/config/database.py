"""Settings of database clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from eai_autotrace.config.fields import setting
from eai_autotrace.config.parse import FLAG, Kind, choice, choices

_GROUP: Final = "Databases"


def _database(default: Any, name: str, description: str, kind: Kind = FLAG) -> Any:
    variable = f"OTEL_EAI_DB_{name}"
    return setting(default, description, kind, variables=(variable,), group=_GROUP)


@dataclass(frozen=True, init=False, repr=False, eq=False)
class DatabaseSettings:
    """Settings of database clients."""

    db_transactions: str = _database(
        "statements",
        "TRANSACTIONS",
        "Transactions: a span for each statement that begins and ends one (`statements`), one span "
        "for the whole block instead (`block`), or none (`off`).",
        choice("statements", "block", "off"),
    )
    db_connect_spans: bool = _database(
        True,  # noqa: FBT003 - a default is a default
        "CONNECT_SPANS",
        "Whether connecting to a server is a span.",
    )
    db_internal_spans: bool = _database(
        False,  # noqa: FBT003
        "INTERNAL_SPANS",
        "Whether statements are spans that libraries send by themselves: resets of pooled "
        "connections, look-ups of types, pings, preparing.",
    )
    db_query_parameters: str = _database(
        "off",
        "QUERY_PARAMETERS",
        "Parameters of queries: not recorded (`off`), their types and sizes (`redacted`), or their "
        "values (`full`).",
        choice("off", "redacted", "full"),
    )
    db_returned_rows: bool = _database(
        False,  # noqa: FBT003
        "RETURNED_ROWS",
        "Whether the number of rows is recorded that a query returned or wrote.",
    )
    db_constraint_names: bool = _database(
        False,  # noqa: FBT003
        "CONSTRAINT_NAMES",
        "Whether the name of a violated constraint is recorded.",
    )
    db_sqlcommenter: str = _database(
        "off",
        "SQLCOMMENTER",
        "Whether queries carry the trace context to the server in a comment: never (`off`), those "
        "that are not prepared (`unprepared`), or all (`all`), which makes caches of prepared "
        "statements useless.",
        choice("off", "unprepared", "all"),
    )
    db_metrics: tuple[str, ...] = _database(
        ("duration", "connections"),
        "METRICS",
        "What is measured of queries and of connection pools.",
        choices("duration", "returned_rows", "connections"),
    )
