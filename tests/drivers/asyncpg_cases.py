"""asyncpg through the router, unchanged: one line per case, exit 1 when one fails.   asyncpg_cases.py DSN_FILE"""

import asyncio
import io
import sys

import asyncpg

from cases import Cases

dsn = open(sys.argv[1], encoding="utf-8").read().strip()
cases = Cases("asyncpg " + asyncpg.__version__)


def with_connection(work):
    def case():
        async def run():
            connection = await asyncpg.connect(dsn)
            try:
                await work(connection)
            finally:
                await connection.close()
        asyncio.run(run())
    case.__name__ = work.__name__
    return cases.add(case)


@with_connection
async def connecting(c):
    assert c.get_server_version() >= (15,)
    assert c._transport.get_extra_info("ssl_object") is not None
    try:
        await asyncpg.connect(dsn, password="lh_api_wrong")
        raise AssertionError("a wrong password was let in")
    except asyncpg.InvalidPasswordError as refused:
        assert "lh_api_wrong" not in str(refused)


@with_connection
async def query(c):
    assert await c.fetchval("select 1 + 1") == 2


@with_connection
async def simple_query(c):
    assert await c.execute("select 1; select 2") == "SELECT 1"


@with_connection
async def parameters(c):
    assert tuple(await c.fetchrow("select $1::text, $2::int8, $3::bytea", "é", 2**40, b"\0\1")) == ("é", 2**40, b"\0\1")


@with_connection
async def many_rows(c):
    assert len(await c.fetch("select generate_series(1, 10000)")) == 10000


@with_connection
async def transaction(c):
    async with c.transaction():
        await c.execute("insert into tags (name) values ('asyncpg')")
    assert await c.execute("delete from tags where name = 'asyncpg'") == "DELETE 1"


@with_connection
async def rollback(c):
    try:
        async with c.transaction():
            await c.execute("insert into tags (name) values ('asyncpg rollback')")
            raise KeyError
    except KeyError:
        pass
    assert await c.fetchval("select count(*) from tags where name = 'asyncpg rollback'") == 0


@with_connection
async def error_and_go_on(c):
    try:
        await c.fetch("select * from there_is_no_such_table")
        raise AssertionError("no error")
    except asyncpg.UndefinedTableError:
        pass
    assert await c.fetchval("select 3") == 3


@with_connection
async def prepared_statement(c):
    doubled = await c.prepare("select $1::int * 2")
    for i in range(20):
        assert await doubled.fetchval(i) == 2 * i


# Above 15 KiB asyncpg prepares without a name in one batch and binds in the next.
@with_connection
async def large_query_beside_another(c):
    async def ask(connection, own):
        for _ in range(50):
            assert await connection.fetchval(f"select '{own}' || $1 /* {'x' * 16 * 1024} */", "!") == own + "!"

    other = await asyncpg.connect(dsn)
    try:
        await asyncio.gather(ask(c, "one"), ask(other, "other"))
    finally:
        await other.close()


@with_connection
async def executemany(c):
    async with c.transaction():
        await c.execute("create temporary table pairs (a int, b text) on commit drop")
        await c.executemany("insert into pairs values ($1, $2)", [(i, str(i)) for i in range(500)])
        assert await c.fetchval("select count(*) from pairs") == 500


@with_connection
async def copy_in_and_out(c):
    async with c.transaction():
        await c.execute("create temporary table numbers (n int) on commit drop")
        await c.copy_records_to_table("numbers", records=[(n,) for n in range(5000)])
        out = io.BytesIO()
        await c.copy_from_query("select n from numbers", output=out)
        assert out.getvalue().count(b"\n") == 5000


@with_connection
async def large_row(c):
    assert len(await c.fetchval("select repeat('x', 8 * 1024 * 1024)")) == 8 * 1024 * 1024


@with_connection
async def cancel(c):
    try:
        await asyncio.wait_for(c.fetchval("select pg_sleep(30)"), timeout=0.5)
        raise AssertionError("not cancelled")
    except asyncio.TimeoutError:
        pass
    assert await c.fetchval("select 5") == 5


sys.exit(cases.run())
