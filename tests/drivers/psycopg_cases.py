"""psycopg 3 through the router, unchanged: one line per case, exit 1 when one fails.   psycopg_cases.py DSN_FILE"""

import sys
import threading
import time

import psycopg

from cases import Cases

dsn = open(sys.argv[1], encoding="utf-8").read().strip()
cases = Cases("psycopg " + psycopg.__version__)


def connect(**more):
    return psycopg.connect(dsn, autocommit=True, **more)


@cases.add
def connecting():
    with connect() as c:
        assert c.info.server_version >= 150000
        assert c.pgconn.ssl_in_use
    try:
        connect(password="lh_api_wrong").close()
        raise AssertionError("a wrong password was let in")
    except psycopg.OperationalError as refused:
        assert "lh_api_wrong" not in str(refused)


@cases.add
def query():
    with connect() as c:
        assert c.execute("select 1 + 1").fetchone() == (2,)


@cases.add
def parameters():
    with connect() as c:
        row = c.execute("select %s::text, %s::int, %s::bytea", ("é", 42, b"\0\1")).fetchone()
        assert row == ("é", 42, b"\0\1"), row


@cases.add
def binary_parameters():
    with connect() as c:
        assert c.execute("select %b::int8", (2**40,), binary=True).fetchone() == (2**40,)


@cases.add
def transaction():
    with connect() as c:
        with c.transaction():
            c.execute("insert into tags (name) values ('psycopg')")
        with c.transaction():
            assert c.execute("delete from tags where name = 'psycopg'").rowcount == 1


@cases.add
def rollback():
    with connect() as c:
        try:
            with c.transaction():
                c.execute("insert into tags (name) values ('psycopg rollback')")
                raise KeyError
        except KeyError:
            pass
        assert c.execute("select count(*) from tags where name = 'psycopg rollback'").fetchone() == (0,)


@cases.add
def savepoint():
    with connect() as c, c.transaction():
        try:
            with c.transaction():
                c.execute("select 1 / 0")
        except psycopg.errors.DivisionByZero:
            pass
        assert c.execute("select 7").fetchone() == (7,)


@cases.add
def error_and_go_on():
    with connect() as c:
        try:
            c.execute("select * from there_is_no_such_table")
            raise AssertionError("no error")
        except psycopg.errors.UndefinedTable:
            pass
        assert c.execute("select 3").fetchone() == (3,)


@cases.add
def prepared_statements():
    with connect(prepare_threshold=0) as c:
        for i in range(20):
            assert c.execute("select %s::int * 2", (i,)).fetchone() == (2 * i,)


@cases.add
def pipeline():
    with connect() as c, c.pipeline():
        rows = [c.execute("select %s::int", (i,)) for i in range(50)]
        assert [row.fetchone()[0] for row in rows] == list(range(50))


@cases.add
def copy_in_and_out():
    with connect() as c, c.transaction():
        c.execute("create temporary table numbers (n int) on commit drop")
        with c.cursor().copy("copy numbers from stdin") as copy:
            for n in range(10000):
                copy.write_row((n,))
        with c.cursor().copy("copy numbers to stdout") as copy:
            assert sum(1 for _ in copy.rows()) == 10000


@cases.add
def large_row():
    with connect() as c:
        assert len(c.execute("select repeat('x', 8 * 1024 * 1024)").fetchone()[0]) == 8 * 1024 * 1024


@cases.add
def server_side_cursor():
    with connect() as c, c.transaction(), c.cursor(name="many") as cursor:
        cursor.execute("select generate_series(1, 5000)")
        assert len(cursor.fetchall()) == 5000


@cases.add
def cancel():
    with connect() as c:
        threading.Timer(0.5, c.cancel).start()
        begin = time.monotonic()
        try:
            c.execute("select pg_sleep(30)")
            raise AssertionError("not cancelled")
        except psycopg.errors.QueryCanceled:
            pass
        assert time.monotonic() - begin < 10
        assert c.execute("select 5").fetchone() == (5,)


sys.exit(cases.run())
