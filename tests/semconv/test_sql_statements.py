"""Statements as applications write them, all kinds of PostgreSQL 15."""

from __future__ import annotations

import pytest

from eai_autotrace.semconv.sql import READ_LENGTH, read

SUMMARIES = {
    'SELECT a FROM "Sch"."Tab" t JOIN public.x ON x.id=t.id LEFT JOIN LATERAL (SELECT 1 FROM y) z ON true': 'SELECT "Sch"."Tab" public.x SELECT y',
    "WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n+1 FROM t WHERE n < 100) SELECT sum(n) FROM t": "SELECT SELECT",
    "WITH moved AS (DELETE FROM a WHERE x < 1 RETURNING *) INSERT INTO b SELECT * FROM moved": "DELETE a INSERT b SELECT",
    "INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y') ON CONFLICT (a) DO UPDATE SET b = excluded.b WHERE t.b IS DISTINCT FROM excluded.b RETURNING id": "INSERT t",
    "INSERT INTO t DEFAULT VALUES": "INSERT t",
    "INSERT INTO t AS x SELECT * FROM u ON CONFLICT DO NOTHING": "INSERT t SELECT u",
    "UPDATE ONLY a.b AS t SET x = (SELECT max(y) FROM c) FROM d WHERE t.id = d.id": "UPDATE a.b SELECT c d",
    "UPDATE t SET (a, b) = (SELECT 1, 2)": "UPDATE t SELECT",
    "DELETE FROM ONLY t USING u, v WHERE t.id = u.id RETURNING *": "DELETE t u v",
    "MERGE INTO target t USING (SELECT * FROM source) s ON t.id = s.id WHEN MATCHED AND s.del THEN DELETE WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)": "MERGE target SELECT source",
    "SELECT * FROM generate_series(1, 10) g, unnest($1::int[]) AS u(x)": "SELECT",
    "SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)": "SELECT SELECT a SELECT b",
    "SELECT 1 UNION ALL SELECT 2 FROM x INTERSECT (SELECT 3 FROM y)": "SELECT SELECT x SELECT y",
    "SELECT substring(a FROM 1 FOR 2), trim(both 'x' from b), position('a' in c), overlay(a placing 'b' from 1) FROM t": "SELECT t",
    "SELECT a::jsonb -> 'secret' ->> 'k', b #>> '{a,b}', c @> '{\"a\":1}', d ? 'k', e ?| array['a'] FROM docs": "SELECT docs",
    "SELECT ARRAY[1,2,3], ARRAY(SELECT id FROM x), a[1:2] FROM t": "SELECT SELECT x t",
    "VALUES (1, 'a'), (2, 'b')": "VALUES",
    "TABLE orders": "TABLE orders",
    "TABLE ONLY orders": "TABLE orders",
    "CREATE TEMPORARY TABLE IF NOT EXISTS t (id int DEFAULT 5)": "CREATE TABLE t",
    "CREATE TABLE t AS SELECT * FROM u": "CREATE TABLE t SELECT u",
    "CREATE OR REPLACE FUNCTION f(a int) RETURNS int AS $$ SELECT secret FROM x $$ LANGUAGE sql": "CREATE FUNCTION f",
    "CREATE MATERIALIZED VIEW mv AS SELECT * FROM t": "CREATE VIEW mv SELECT t",
    "CREATE UNIQUE INDEX ON t (a)": "CREATE INDEX",
    "CREATE INDEX i ON s.t USING gin (a)": "CREATE INDEX i",
    'CREATE EXTENSION IF NOT EXISTS "uuid-ossp"': 'CREATE EXTENSION "uuid-ossp"',
    "CREATE TYPE mood AS ENUM ('sad', 'ok')": "CREATE TYPE mood",
    "CREATE USER bob PASSWORD 'secret'": "CREATE USER bob",
    "CREATE ROLE r WITH LOGIN PASSWORD 'secret'": "CREATE ROLE r",
    "CREATE FOREIGN TABLE ft (a int) SERVER s": "CREATE TABLE ft",
    "CREATE OR REPLACE VIEW v AS SELECT 1": "CREATE VIEW v SELECT",
    "CREATE UNLOGGED TABLE t (a int)": "CREATE TABLE t",
    "CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION f()": "CREATE TRIGGER e",
    "ALTER TABLE IF EXISTS ONLY s.t ADD COLUMN c int": "ALTER TABLE s.t",
    "ALTER TABLE t RENAME TO u": "ALTER TABLE t",
    "ALTER SYSTEM SET work_mem = '64MB'": "ALTER SYSTEM",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO r": "ALTER PRIVILEGES",
    "DROP TABLE IF EXISTS a, b CASCADE": "DROP TABLE a b",
    "DROP INDEX CONCURRENTLY IF EXISTS i": "DROP INDEX i",
    "TRUNCATE a, b RESTART IDENTITY": "TRUNCATE a b",
    "TRUNCATE TABLE ONLY a": "TRUNCATE a",
    "CALL s.p(1, 'x')": "CALL s.p",
    "DO $$ BEGIN PERFORM secret FROM t; END $$": "DO",
    "EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM t": "EXPLAIN SELECT t",
    "EXPLAIN ANALYZE INSERT INTO t SELECT 1": "EXPLAIN INSERT t SELECT",
    "SELECT 1; SELECT 2 FROM t; UPDATE u SET a = 1": "SELECT SELECT t UPDATE u",
    "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY;": "BEGIN",
    "START TRANSACTION": "START TRANSACTION",
    "COMMIT;": "COMMIT",
    "ROLLBACK;": "ROLLBACK",
    "SAVEPOINT s1": "SAVEPOINT",
    "RELEASE SAVEPOINT s1;": "RELEASE SAVEPOINT",
    "ROLLBACK TO s1;": "ROLLBACK TO",
    "ROLLBACK TO SAVEPOINT s1": "ROLLBACK TO",
    "SET search_path TO a, b": "SET",
    "SET LOCAL statement_timeout = '5s'": "SET",
    "SHOW search_path": "SHOW",
    "RESET ALL": "RESET",
    'LISTEN "ch"': "LISTEN",
    "NOTIFY ch, 'secret'": "NOTIFY",
    "UNLISTEN *": "UNLISTEN",
    "SELECT pg_notify('ch', 'secret')": "SELECT",
    "VACUUM (ANALYZE) t": "VACUUM t",
    "ANALYZE t (a)": "ANALYZE t",
    "REINDEX TABLE t": "REINDEX t",
    "CLUSTER t USING i": "CLUSTER t",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY mv": "REFRESH mv",
    "LOCK TABLE t IN SHARE MODE": "LOCK t",
    "GRANT SELECT ON t TO r": "GRANT",
    "REVOKE ALL ON t FROM r": "REVOKE",
    "COMMENT ON TABLE t IS 'secret'": "COMMENT",
    "PREPARE p AS SELECT * FROM t": "PREPARE SELECT t",
    "EXECUTE p(1)": "EXECUTE",
    "DEALLOCATE p": "DEALLOCATE",
    "DECLARE c CURSOR FOR SELECT * FROM t": "DECLARE SELECT t",
    "FETCH 10 FROM c": "FETCH",
    "MOVE FORWARD 5 IN c": "MOVE",
    "CLOSE c": "CLOSE",
    "COPY t (a, b) FROM STDIN WITH (FORMAT csv)": "COPY t",
    "COPY (SELECT * FROM t WHERE x = 'secret') TO STDOUT": "COPY SELECT t",
    "COPY s.t TO '/secret/path'": "COPY s.t",
    "DISCARD ALL": "DISCARD",
    "CHECKPOINT": "CHECKPOINT",
    "SELECT * FROM a NATURAL JOIN b CROSS JOIN c": "SELECT a b c",
    "SELECT * FROM (a JOIN b ON a.x=b.x) JOIN c USING (y)": "SELECT a b c",
    "SELECT * FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.x = a.x) AND c IN (SELECT id FROM d)": "SELECT a SELECT b SELECT d",
    "SELECT extract(epoch FROM now()) FROM t FOR UPDATE OF t SKIP LOCKED": "SELECT t",
    "SELECT * FROM t TABLESAMPLE system (10)": "SELECT t",
    "SELECT * FROM ROWS FROM (f(1), g(2)) AS x": "SELECT",
    'SELECT a AS "from", b "select" FROM t AS "join"': "SELECT t",
    "SELECT count(*) FILTER (WHERE a > 1) OVER (PARTITION BY b ORDER BY c) FROM t WINDOW w AS (ORDER BY d)": "SELECT t",
    "(SELECT 1 FROM a) UNION (SELECT 2 FROM b)": "SELECT a SELECT b",
    "SELECT E'\\'', U&'d\\0061t', B'101', X'1FF', 1.5e10, 0x1F, 1_000, $tag$ it's $tag$ FROM t": "SELECT t",
    "SELECT CASE WHEN a THEN 'x' ELSE 'y' END FROM t": "SELECT t",
    "SELECT * FROM t WHERE d > DATE '2020-01-01' AND i = INTERVAL '1 day' AND ts = TIMESTAMP WITH TIME ZONE 'now'": "SELECT t",
    'SELECT "a""b", \'a\'\'b\' FROM "x""y"."z"': 'SELECT "x""y"."z"',
    "select * from ÜBER.straße where naïve = $1": "select ÜBER.straße",
    'INSERT INTO "Order" SELECT * FROM "User" u JOIN "Role" r ON true': 'INSERT "Order" SELECT "User" "Role"',
    "SELECT * FROM pg_catalog.pg_class c LEFT JOIN pg_namespace n ON n.oid = c.relnamespace": "SELECT pg_catalog.pg_class pg_namespace",
    "SELECT -1, a-1, a - 1, +5, a*-2 FROM t": "SELECT t",
    "SELECT 1 FROM t WHERE a = ANY($1) AND b BETWEEN 1 AND 2 AND c LIKE '%x%' ESCAPE '\\'": "SELECT t",
    "SECURITY LABEL ON TABLE t IS 'x'": "SECURITY",
    "IMPORT FOREIGN SCHEMA s FROM SERVER srv INTO l": "IMPORT",
    "END": "END",
    "ABORT": "ABORT",
    "PREPARE TRANSACTION 'secret'": "PREPARE",
    "COMMIT PREPARED 'foo'": "COMMIT",
    "-- just a comment": "",
    "/* lead */ SELECT 1 FROM t": "SELECT t",
    "UPDATE t SET a = a || 'x' FROM (VALUES (1, 'a')) AS v(id, n) WHERE v.id = t.id": "UPDATE t",
    "SELECT * FROM json_to_recordset('[{\"a\":1}]') AS x(a int)": "SELECT",
    "SELECT * FROM t1, t2 AS b, s.t3 c WHERE true": "SELECT t1 t2 s.t3",
    "WITH a AS MATERIALIZED (SELECT 1 FROM x), b AS NOT MATERIALIZED (SELECT 2 FROM y) SELECT * FROM a, b": "SELECT x SELECT y SELECT",
    "SELECT * FROM t LIMIT 10 OFFSET 5": "SELECT t",
    "SELECT set_config('jit', 'off', false)": "SELECT",
    "SELECT sum(x) FROM t GROUP BY ROLLUP (a), GROUPING SETS ((a), (b)) HAVING sum(x) > 1": "SELECT t",
    "SELECT * FROM a FULL OUTER JOIN b ON a.id = b.id": "SELECT a b",
    "CREATE POLICY p ON t FOR SELECT USING (true)": "CREATE POLICY p",
    "CREATE TRIGGER trg BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()": "CREATE TRIGGER trg",
    "CREATE RULE r AS ON INSERT TO t DO INSTEAD NOTHING": "CREATE RULE r",
    "CREATE SEQUENCE s START 1": "CREATE SEQUENCE s",
    "CREATE DATABASE d OWNER o": "CREATE DATABASE d",
    "CREATE SCHEMA IF NOT EXISTS s AUTHORIZATION bob": "CREATE SCHEMA s",
    "CREATE AGGREGATE a (int) (SFUNC = f)": "CREATE AGGREGATE a",
    "ALTER SEQUENCE s RESTART WITH 5": "ALTER SEQUENCE s",
    "DROP FUNCTION f(int)": "DROP FUNCTION f",
    "DROP MATERIALIZED VIEW mv": "DROP VIEW mv",
    "DROP TRIGGER trg ON t": "DROP TRIGGER trg",
    "SELECT nextval('seq')": "SELECT",
    "SELECT 1 AS a, 2 AS delete FROM t": "SELECT t",
    "SELECT update, t.delete FROM t": "SELECT t",
}


@pytest.mark.parametrize(("query", "summary"), SUMMARIES.items())
def test_summary(query, summary):
    """
    A summary has the operations and the tables they work on: no aliases, no functions, no names of
    WITH's queries, no cursors, no roles.
    """
    assert read(query).summary == summary


TEXTS = {
    "SELECT -1, a-1, a - 1, +5, (a)-2, a*-2, $1-1": "SELECT ?, a-?, a - ?, ?, (a)-?, a*?, $1-?",
    "SELECT a::jsonb -> 'k' ->> 'l', b @> '{\"a\":1}', c ?| array['a']": (
        "SELECT a::jsonb -> ? ->> ?, b @> ?, c ?| array[?]"
    ),
    "SELECT ARRAY[1,2,3], '{1,2}'::int[], a[1:2]": "SELECT ARRAY[?,?,?], ?::int[], a[?:?]",
    "INSERT INTO t VALUES (1, 'x'), (2, 'y')": "INSERT INTO t VALUES (?, ?), (?, ?)",
    "CREATE USER bob PASSWORD 'secret'": "CREATE USER bob PASSWORD ?",
    "DO $body$ BEGIN PERFORM 'secret'; END $body$": "DO ?",
    "SELECT E'a\\'secret', b": "SELECT ?, b",
    "SELECT 'a\\', b, 'c'": "SELECT ?, b, ?",
    "SELECT 'it''s'\n  'continued'": "SELECT ?\n  ?",
    "SELECT 1e400, 0b101, 0o17, 1_000.5, 5.": "SELECT ?, ?, ?, ?, ?",
    "SELECT $1, $12::text, $a$x$a$, $$y$$": "SELECT $1, $12::text, ?, ?",
    "SELECT e, n, x, u FROM b": "SELECT e, n, x, u FROM b",
    "SELECT 1 WHERE a IN (1, 2) AND b NOT IN ( 'x' , 'y' )": (
        "SELECT ? WHERE a IN (?) AND b NOT IN (?)"
    ),
    "SELECT 1 /*a='b',traceparent='00-1-2-01'*/": "SELECT ? /*a='b',traceparent='00-1-2-01'*/",
    "SELECT 1 /* secret */ /*a='b'*/;": "SELECT ?  /*a='b'*/;",
    "SELECT 1 /*a='it''s'*/": "SELECT ?",
    "SELECT 1 /* a note */": "SELECT ?",
    "SELECT 'secret /*a='b'*/": "SELECT ??",
    "SELECT 1 -- secret /*a='b'*/": "SELECT ?",
    "SELECT 1 /*a='b'*/ /*c='d'*/": "SELECT ?  /*c='d'*/",
}


@pytest.mark.parametrize(("query", "text"), TEXTS.items())
def test_text(query, text):
    """
    Literals of all kinds are gone; names, operators, parameters and sqlcommenter's comment stay.
    """
    assert read(query).text == text


@pytest.mark.parametrize("length", [10, 1000, 10_000])
def test_a_long_list_is_one_mark(length):
    """
    A list of literals is one mark, also where it is longer than what is read.
    """
    query = f"SELECT a FROM b WHERE c IN ({', '.join(str(n) for n in range(length))})"

    assert read(query) == ("SELECT b", "SELECT a FROM b WHERE c IN (?)")


HOSTILE = [
    "'",
    "$a$",
    "/*",
    "(",
    ",",
    "in(1,",
    "a.",
    "from a ",
    "with a as(",
    "E'\\\\",
    '"',
    "select(",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text_is_read_as_far_as_its_beginning(piece):
    """
    Of a megabyte no more is looked at than of the limit, whatever it consists of.
    """
    megabyte = piece * (1_000_000 // len(piece))

    assert read(megabyte) == read(megabyte[:READ_LENGTH])
    assert len(read(megabyte).text) <= READ_LENGTH
