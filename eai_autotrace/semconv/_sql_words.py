"""Words of SQL that tell what a statement does and what it works on."""

from __future__ import annotations

from typing import Final

# Statements that contain queries. In others, FROM and JOIN are followed by all sorts of things.
QUERIES: Final = frozenset(
    [
        "SELECT",
        "WITH",
        "VALUES",
        "TABLE",
        "INSERT",
        "UPDATE",
        "DELETE",
        "MERGE",
        "EXPLAIN",
        "PREPARE",
        "DECLARE",
        "COPY",
    ]
)
# What begins a query in parentheses.
STARTS: Final = frozenset({"SELECT", "WITH", "VALUES", "TABLE"})
# Operations that are names elsewhere, and what follows them where they are none.
FOLLOWED: Final = {"INSERT": "INTO", "DELETE": "FROM", "MERGE": "INTO"}
# What stands before a statement within another one; some of it within some only.
OPENING: Final = frozenset({"(", "ANALYZE", "VERBOSE", "EXPLAIN"})
OPENING_WITHIN: Final = {")": frozenset({"WITH", "EXPLAIN"}), "AS": frozenset({"PREPARE"})}

# Statements whose summary is two words and a name, such as ``CREATE TABLE orders``.
DEFINITIONS: Final = frozenset({"CREATE", "ALTER", "DROP"})
OBJECTS: Final = frozenset(
    [
        "AGGREGATE",
        "CAST",
        "COLLATION",
        "CONVERSION",
        "DATABASE",
        "DOMAIN",
        "EXTENSION",
        "FUNCTION",
        "INDEX",
        "LANGUAGE",
        "OPERATOR",
        "POLICY",
        "PRIVILEGES",
        "PROCEDURE",
        "PUBLICATION",
        "ROLE",
        "ROUTINE",
        "RULE",
        "SCHEMA",
        "SEQUENCE",
        "SERVER",
        "STATISTICS",
        "SUBSCRIPTION",
        "SYSTEM",
        "TABLE",
        "TABLESPACE",
        "TRIGGER",
        "TYPE",
        "USER",
        "VIEW",
    ]
)
NAMELESS: Final = frozenset({"PRIVILEGES", "SYSTEM"})
# Those that may be made from a query.
QUERIED: Final = frozenset({"TABLE", "VIEW"})
# Other statements on one or several things, and the words that may stand before these.
ON_NAMES: Final = {
    "ANALYZE": "VERBOSE",
    "CALL": "",
    "CLUSTER": "VERBOSE",
    "COPY": "",
    "LOCK": "TABLE",
    "REFRESH": "MATERIALIZED VIEW",
    "REINDEX": "INDEX TABLE SCHEMA DATABASE SYSTEM",
    "TABLE": "",
    "TRUNCATE": "TABLE",
    "UPDATE": "",
    "VACUUM": "FULL FREEZE VERBOSE ANALYZE",
}
LISTED: Final = frozenset({"ANALYZE", "DROP", "LOCK", "TRUNCATE", "VACUUM"})
# Statements that are two words.
PAIRS: Final = {"START": "TRANSACTION", "RELEASE": "SAVEPOINT", "ROLLBACK": "TO"}
# Words that may stand before a name.
FILLERS: Final = frozenset({"ONLY", "LATERAL", "IF", "NOT", "EXISTS", "CONCURRENTLY"})
# What ends a list of names such as ``FROM a, b``.
CLAUSES: Final = frozenset(
    [
        "WHERE",
        "GROUP",
        "ORDER",
        "HAVING",
        "LIMIT",
        "OFFSET",
        "UNION",
        "INTERSECT",
        "EXCEPT",
        "SET",
        "VALUES",
        "RETURNING",
        "WINDOW",
        "FETCH",
        "FOR",
        "WHEN",
        "SELECT",
    ]
)
NO_NAMES: Final = CLAUSES | {"AS", "ON", "USING"}
# What follows a WITH that begins no query.
AFTER_OTHER_WITH: Final = frozenset({"TIME", "ORDINALITY", "("})

RELEVANT: Final = (
    CLAUSES
    | frozenset(FOLLOWED)
    | frozenset(["(", ")", ",", ";", "FROM", "INTO", "JOIN", "UPDATE", "USING", "WITH"])
)
"""What matters after a statement's first word; all else is passed over."""
