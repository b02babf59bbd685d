"""The open transaction that handlers are given: how it ends, and what becomes of its connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import asyncpg
import pytest
from sqlalchemy import text

from deploy.local.servers.nats_and_postgres import Servers
from libs.chassis.db.database import Database, Engine, autocommit, connect, is_outage, positional, transaction
from tests.support.probe import database

PID = text("SELECT pg_backend_pid() AS pid")
HEAR = text("INSERT INTO heard (case_id, fact, summary) VALUES (uuidv7(), 'told', :summary)")
HEARD = text("SELECT * FROM heard ORDER BY position")
LONG = text("SELECT pg_sleep(:seconds)")

Begin = Callable[[Engine], AbstractAsyncContextManager[Database]]


@pytest.fixture
async def engine(servers: Servers) -> AsyncIterator[Engine]:
    engine = connect(await database(servers, "chassis_database"), pool_size=1)
    yield engine
    await engine.close()


async def hear(engine: Engine, *summaries: str, failure: Exception | None = None) -> None:
    """In one transaction; a row that says boom is refused by the table."""
    async with transaction(engine) as db:
        for summary in summaries:
            assert await db.execute(HEAR, {"summary": summary}) == 1
        if failure is not None:
            raise failure


async def wait(engine: Engine, begin: Begin = transaction) -> None:
    async with begin(engine) as db:
        await db.rows(HEARD)
        await db.rows(LONG, {"seconds": 60.0})


async def pid(engine: Engine) -> int:
    async with autocommit(engine) as db:
        row = await db.one(PID)
    assert row is not None
    return int(row.pid)


async def summaries(engine: Engine) -> list[str]:
    async with autocommit(engine) as db:
        return [row.summary for row in await db.rows(HEARD)]


def test_names_become_positions_and_a_name_that_comes_again_is_the_same_one() -> None:
    sent = positional("SELECT :day, CAST(:ids AS uuid[]), now()::date, :day")
    assert sent == ("SELECT $1, CAST($2 AS uuid[]), now()::date, $1", ("day", "ids"))


async def test_a_row_says_which_column_it_does_not_have(engine: Engine) -> None:
    async with autocommit(engine) as db:
        [row] = await db.rows(PID)
    with pytest.raises(AttributeError, match="the row has no column pit"):
        row.pit  # noqa: B018


async def test_where_one_row_is_expected_none_is_none_and_two_are_an_error(engine: Engine) -> None:
    async with autocommit(engine) as db:
        assert await db.one(HEARD) is None
        with pytest.raises(ValueError, match="one row was expected, and 2 came"):
            await db.one(text("SELECT * FROM generate_series(1, 2)"))


async def test_what_fails_is_rolled_back_and_its_connection_used_again(engine: Engine) -> None:
    before = await pid(engine)
    with pytest.raises(asyncpg.CheckViolationError):
        await hear(engine, "rolled back", "boom")
    with pytest.raises(KeyError):
        await hear(engine, "rolled back too", failure=KeyError())
    await hear(engine, "kept")
    assert await summaries(engine) == ["kept"]
    assert await pid(engine) == before


@pytest.mark.parametrize("begin", [transaction, autocommit])
async def test_a_connection_on_which_a_statement_may_be_under_way_is_not_used_again(
    engine: Engine, begin: Begin
) -> None:
    before = await pid(engine)
    waiting = asyncio.create_task(wait(engine, begin))
    await asyncio.sleep(0.1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await pid(engine) != before


async def test_no_answer_in_time_is_an_outage(servers: Servers) -> None:
    engine = connect(await database(servers, "chassis_database_late"), pool_size=1, answer_seconds=0.2)
    with pytest.raises(TimeoutError) as late:
        await wait(engine)
    assert is_outage(late.value)
    await engine.close()


async def test_a_connection_that_the_server_ends_is_an_outage_and_replaced(engine: Engine) -> None:
    async def lose_it() -> None:
        async with transaction(engine) as db:
            await db.execute(HEAR, {"summary": "lost"})
            other = await asyncpg.connect(engine.url)
            [row] = await db.rows(PID)
            await other.execute("SELECT pg_terminate_backend($1, 5000)", row.pid)
            await other.close()
            await db.rows(HEARD)

    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)) as ended:
        await lose_it()
    assert is_outage(ended.value)
    assert await summaries(engine) == []


@asynccontextmanager
async def a_wire_that_loses_the_end(port: int) -> AsyncIterator[int]:
    """Passes on what both sides say, and not that the server has hung up."""
    passing: set[asyncio.Task[None]] = set()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while some := await reader.read(65_536):
                writer.write(some)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        passing.update(asyncio.create_task(pass_on(*ends)) for ends in ((reader, back), (there, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1")
    yield server.sockets[0].getsockname()[1]
    server.close()
    for task in passing:
        task.cancel()


@pytest.mark.parametrize("begin", [transaction, autocommit])
async def test_a_connection_that_the_server_has_left_is_an_outage_once(
    servers: Servers, engine: Engine, begin: Begin
) -> None:
    port = servers.addresses.postgres_port
    async with a_wire_that_loses_the_end(port) as wire:
        far = connect(engine.url.replace(f":{port}/", f":{wire}/"), pool_size=1)
        left = await pid(far)
        async with autocommit(engine) as db:
            await db.rows(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": left})
        await asyncio.sleep(0.1)
        with pytest.raises(asyncpg.InternalClientError) as gone:
            await wait(far, begin)
        assert is_outage(gone.value)
        assert await pid(far) != left
        await far.close()


async def test_a_table_that_changes_below_a_statement_is_a_matter_of_trying_again(engine: Engine) -> None:
    await summaries(engine)
    other = await asyncpg.connect(engine.url)
    await other.execute("ALTER TABLE heard ADD COLUMN added text")
    await other.close()
    with pytest.raises(asyncpg.InvalidCachedStatementError) as changed:
        async with transaction(engine) as db:
            await db.rows(HEARD)
    assert is_outage(changed.value)
    assert await summaries(engine) == []


async def test_a_query_in_parts_is_of_one_moment(engine: Engine) -> None:
    await hear(engine, *"01234")
    async with transaction(engine) as db:
        parts = []
        async for rows in db.chunks(HEARD, 2):
            other = await asyncpg.connect(engine.url)
            await other.execute("INSERT INTO heard (case_id, fact, summary) VALUES (uuidv7(), 'told', 'later')")
            await other.close()
            parts.append([row.summary for row in rows])
    assert parts == [["0", "1"], ["2", "3"], ["4"]]
