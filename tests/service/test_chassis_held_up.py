"""The database is there and holds or refuses: in time everybody is told, nothing is lost, and others go on."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import chain
from typing import Any

import asyncpg
import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import text

from deploy.local.servers.nats_and_postgres import Servers
from libs.chassis import http
from libs.chassis.db.database import autocommit, connect, transaction
from libs.chassis.handling import timers
from libs.chassis.telemetry.failures import Failures
from libs.sentences import Sentence
from tests.support.probe import Reminder, database, heard, probe, registered, router
from tests.support.stage import NOON, Stage, fresh_streams, until

LOCK_SECONDS = 0.3


@pytest.fixture
async def stage(servers: Servers) -> AsyncIterator[Stage]:
    async with probe(servers, database_lock_seconds=LOCK_SECONDS, database_free_seconds=1, request_seconds=3) as made:
        yield made


@asynccontextmanager
async def somebody(stage: Stage) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A transaction that somebody has opened and forgotten."""
    connection = await asyncpg.connect(stage.service.engine.url)
    try:
        async with connection.transaction():
            yield connection
    finally:
        await connection.close()


async def note(stage: Stage, words: str) -> httpx.Response:
    return await stage.http.post(f"/notes/{words}")


def ready(stage: Stage, database: bool) -> Callable[[], Awaitable[dict[str, Any] | None]]:
    """The answer of `/ready` once it says so of the database."""

    async def says() -> dict[str, Any] | None:
        said: dict[str, Any] = (await stage.http.get("/ready")).json()
        return said if said["database"] == database else None

    return says


async def test_a_locked_table_is_answered_in_time_named_and_over_when_it_is_over(stage: Stage) -> None:
    async with somebody(stage) as connection:
        await connection.execute("LOCK TABLE heard")
        refused = await asyncio.gather(*(note(stage, f"{n}") for n in range(40)))
        assert {answer.status_code for answer in refused} == {503}
        assert {answer.headers["retry-after"] for answer in refused} == {"2"}

        async def asks_to_wait_longer() -> bool:
            return int((await note(stage, "later")).headers["retry-after"]) > 2

        await until(asks_to_wait_longer)
        assert "somebody else is changing the same" in refused[0].json()["detail"]
        said = await until(ready(stage, database=False))
        assert "heard by process" in said["failing"]["database"]
        await stage.publish(registered("meanwhile"))
        assert (await stage.http.get("/live")).status_code == 200
    assert (await note(stage, "after")).status_code == 200
    assert await heard(stage, "note") == ["after"]
    await until(ready(stage, database=True))

    async def is_handled() -> bool:
        return await heard(stage, "registered") == ["meanwhile"]

    await until(is_handled)
    assert await stage.kept() == []


async def test_a_row_of_one_street_that_is_locked_does_not_stop_another_street(stage: Stage) -> None:
    held = [registered("held") for _ in range(10)]
    free = [registered("free").model_copy(update={"tenant": "370784005"}) for _ in range(20)]
    async with somebody(stage) as connection:
        await connection.executemany("INSERT INTO inbox (message_id) VALUES ($1)", [(each.id,) for each in held])
        await stage.publish(*chain.from_iterable(zip(held, free, strict=False)))

        async def other_street_goes_on() -> bool:
            return await heard(stage, "registered") == ["free"] * 10

        await until(other_street_goes_on)
        await stage.publish(*free[10:])

        async def and_on() -> bool:
            return await heard(stage, "registered") == ["free"] * 20

        await until(and_on)
        await connection.execute("DELETE FROM inbox WHERE message_id = ANY($1)", [each.id for each in held])

    async def is_handled() -> bool:
        return (await heard(stage, "registered")).count("held") == 10

    await until(is_handled)
    assert await stage.kept() == []

    async def is_told_no_longer() -> bool:
        return not (await stage.http.get("/ready")).json()["failing"]

    await until(is_told_no_longer)


async def test_timers_of_one_street_that_are_held_up_do_not_stop_those_of_another(stage: Stage) -> None:
    slow = """
        CREATE FUNCTION wait_its_turn() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF NEW.summary = 'held' THEN PERFORM pg_advisory_xact_lock(7); END IF; RETURN NEW; END $$;
        CREATE TRIGGER turns BEFORE INSERT ON heard FOR EACH ROW EXECUTE FUNCTION wait_its_turn();
    """

    def due(street: str, name: str, key: int) -> Reminder:
        return Reminder(tenant=street, due_at=NOON + timedelta(seconds=key), name=f"{key}", words=name)

    async with somebody(stage) as connection:
        await connection.execute(slow)
    async with somebody(stage) as connection:
        await connection.execute("SELECT pg_advisory_xact_lock(7)")
        async with stage.database() as db:
            await timers.schedule(db, [due("370784004", "held", n) for n in range(300)])
            await timers.schedule(db, [due("370784005", "free", n) for n in range(300, 330)])
            await db.execute(
                text("INSERT INTO timers (name, key, due_at, body) VALUES ('Reminder', 'faulty', now(), '{}')")
            )

        async def other_street_goes_on() -> bool:
            return await heard(stage, "reminder") == ["free"] * 30

        await until(other_street_goes_on)
        said = (await stage.http.get("/ready")).json()
        assert "LockNotAvailableError" in said["failing"]["timers of 370784004"]

    async def all_have_fired() -> bool:
        return await heard(stage, "reminder") == ["free"] * 30 + ["held"] * 300

    await until(all_have_fired)
    async with stage.database() as db:
        faulty = await db.one(text("SELECT attempts FROM timers"))
    assert faulty is not None
    assert faulty.attempts > 0, "one that says no street is put off by itself"


async def test_a_database_that_is_read_only_is_no_fault_and_is_left_for_the_one_that_is_not(stage: Stage) -> None:
    name = stage.service.engine.url.rpartition("/")[2]
    admin = await asyncpg.connect(stage.service.engine.url)
    assert (await note(stage, "before")).status_code == 200
    await admin.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
        "AND datname = current_database()"
    )

    async def refused() -> httpx.Response | None:
        answer = await note(stage, "meanwhile")
        return answer if "takes no changes" in answer.json()["detail"] else None

    answer = await until(refused)
    assert answer.status_code == 503
    said = await until(ready(stage, database=False))
    assert "ReadOnlySQLTransactionError" in said["failing"]["database"]
    await admin.execute("SET default_transaction_read_only = off")
    await admin.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')

    async def every_connection_takes_it() -> bool:
        return {(await note(stage, "after")).status_code for _ in range(30)} == {200}

    await until(every_connection_takes_it)
    await until(ready(stage, database=True))
    assert set(await heard(stage, "note")) == {"before", "after"}
    await admin.close()


async def test_a_connection_to_a_database_that_is_read_only_is_not_used_again(servers: Servers) -> None:
    engine = connect(await database(servers, "probe_read_only"), pool_size=1)

    async def write() -> int:
        async with transaction(engine) as db:
            await db.execute(text("INSERT INTO inbox (message_id) VALUES (gen_random_uuid())"))
            found = await db.one(text("SELECT pg_backend_pid()"))
        assert found is not None
        return int(found[0])

    try:
        former = await write()
        async with autocommit(engine) as db:
            await db.execute(text("SET default_transaction_read_only = on"))
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await write()
        assert await _worked(write)
        assert await write() != former
    finally:
        await engine.close()


async def _worked(write: Callable[[], Awaitable[int]]) -> bool:
    try:
        return bool(await write())
    except asyncpg.PostgresError:
        return False


@pytest.mark.parametrize(
    ("taken_away", "given_back"),
    [
        ("ALTER TABLE heard RENAME TO elsewhere", "ALTER TABLE elsewhere RENAME TO heard"),
        ("ALTER TABLE heard RENAME summary TO words", "ALTER TABLE heard RENAME words TO summary"),
        ("REVOKE INSERT ON heard FROM weak", "GRANT INSERT ON heard TO weak"),
    ],
)
async def test_what_a_schema_or_a_role_lacks_is_waited_for_and_no_message_is_given_up(
    servers: Servers, taken_away: str, given_back: str
) -> None:
    url = await database(servers, "probe_weak")
    admin = await asyncpg.connect(url)
    await admin.execute("DROP ROLE IF EXISTS weak")
    await admin.execute("CREATE ROLE weak LOGIN")
    await admin.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO weak")
    host = url.partition("@")[2]
    await fresh_streams(servers.addresses.nats_url, {"scoring": list(router().events)})
    async with probe(servers, url=f"postgresql://weak@{host}", database_lock_seconds=LOCK_SECONDS) as stage:
        await admin.execute(taken_away)
        assert (await note(stage, "meanwhile")).status_code == 503
        await stage.publish(registered("meanwhile"))

        async def given_back_again() -> bool:
            return "handling of INCIDENT" in (await stage.http.get("/ready")).json()["failing"]

        await until(given_back_again)
        await admin.execute(given_back)

        async def is_handled() -> bool:
            return await heard(stage, "registered") == ["meanwhile"]

        await until(is_handled)
        assert await stage.kept() == []
    await admin.execute("DROP OWNED BY weak")
    await admin.execute("DROP ROLE weak")
    await admin.close()


async def test_connections_that_are_all_in_use_are_waited_for_not_too_long(stage: Stage) -> None:
    pool = [stage.service.engine.connection() for _ in range(10)]
    for each in pool:
        await each.__aenter__()
    answer = await note(stage, "meanwhile")
    assert answer.status_code == 503
    for each in pool:
        await each.__aexit__(None, None, None)
    assert (await note(stage, "after")).status_code == 200


async def test_a_fault_is_answered_on_a_connection_that_lives_on() -> None:
    app = FastAPI()
    http.install(app, "probe", {}, seconds=0.5, failures=Failures("probe"))

    @app.get("/fault")
    async def fault() -> None:
        raise ValueError("nobody thought of this")

    @app.get("/slow")
    async def slow() -> None:
        await asyncio.sleep(60)

    @app.post("/unread")
    async def unread() -> None:
        raise http.not_found(Sentence("没有读取内容", "nothing of the body was read"))

    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, http="httptools", log_level="critical", lifespan="off"))
    serving = asyncio.create_task(server.serve([listening]))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}") as client:
        for path, status in (("/fault", 500), ("/slow", 503), ("/fault", 500)):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers.get("connection")) == (status, None)
            port = answer.extensions["network_stream"].get_extra_info("client_addr")
        again = await client.get("/nothing")
        assert again.extensions["network_stream"].get_extra_info("client_addr") == port
        for path, status in (("/unread", 413), ("/fault", 413)):
            answer = await client.request("POST" if path == "/unread" else "GET", path, content=b"x" * 5_000_000)
            assert (answer.status_code, answer.headers.get("connection")) == (status, None)
            assert answer.extensions["network_stream"].get_extra_info("client_addr") == port
    server.should_exit = True
    await serving
