"""Faults of the second kind: the broker or the database is there, answers, and no longer does its work."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import nats
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError, ServiceUnavailableError

from deploy.local.servers.guarded_process import Process
from tests.chaos.schedule import Planned
from tests.chaos.world import World

CONNECTIONS_AT_MOST = 250
PATIENCE_SECONDS = 30.0
TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"
)

Connection: TypeAlias = "asyncpg.Connection[Any]"


@asynccontextmanager
async def consumer_deleted(world: World, planned: Planned) -> AsyncIterator[None]:
    await _persistently(world, lambda js: js.delete_consumer(*planned.target))
    yield


@asynccontextmanager
async def stream_deleted(world: World, planned: Planned) -> AsyncIterator[None]:
    await _persistently(world, lambda js: js.delete_stream(planned.target[0]))
    yield


@asynccontextmanager
async def stream_purged(world: World, planned: Planned) -> AsyncIterator[None]:
    await _persistently(world, lambda js: js.purge_stream(planned.target[0]))
    yield


@asynccontextmanager
async def store_wiped(world: World, planned: Planned) -> AsyncIterator[None]:
    await world.each(Process.kill, world.nodes)
    for node in world.nodes:
        _empty(node.store)
    yield
    await world.each(Process.start, world.nodes)


@asynccontextmanager
async def store_put_back(world: World, planned: Planned) -> AsyncIterator[None]:
    """To a copy that was taken so long ago as the fault lasts."""
    await world.each(Process.stop, world.nodes)
    copies = world.folder / "copies"
    shutil.rmtree(copies, ignore_errors=True)
    for node in world.nodes:
        shutil.copytree(node.store, copies / node.cwd.name)
    await world.each(Process.start, world.nodes)
    yield
    await world.each(Process.kill, world.nodes)
    for node in world.nodes:
        _empty(node.store)
        shutil.copytree(copies / node.cwd.name, node.store, dirs_exist_ok=True)
    await world.each(Process.start, world.nodes)


@asynccontextmanager
async def table_locked(world: World, planned: Planned) -> AsyncIterator[None]:
    service, table = planned.target
    async with _somebody(world, service) as connection:
        await connection.execute(f"LOCK TABLE {table}")
        yield


@asynccontextmanager
async def rows_locked(world: World, planned: Planned) -> AsyncIterator[None]:
    service, table = planned.target
    async with _somebody(world, service) as connection:
        await connection.execute(f"SELECT 1 FROM {table} ORDER BY random() LIMIT 20 FOR UPDATE")
        yield


@asynccontextmanager
async def read_only(world: World, planned: Planned) -> AsyncIterator[None]:
    connection = await asyncpg.connect(world.database_url("incident"))
    try:
        await connection.execute("SET default_transaction_read_only = off")
        await connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        await connection.execute("SELECT pg_reload_conf()")
        yield
        await connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()


@asynccontextmanager
async def connections_used_up(world: World, planned: Planned) -> AsyncIterator[None]:
    """By somebody who opens them as fast as the services lose theirs."""
    async with AsyncExitStack() as stack:
        await _terminate(world)
        with suppress(asyncpg.PostgresError, OSError):
            for _ in range(CONNECTIONS_AT_MOST):
                connection: Connection = await asyncpg.connect(world.database_url("notify"))
                stack.push_async_callback(connection.close)
        yield


@asynccontextmanager
async def backends_terminated(world: World, planned: Planned) -> AsyncIterator[None]:
    await _terminate(world)
    yield


async def _terminate(world: World) -> None:
    connection: Connection = await asyncpg.connect(world.database_url("incident"))
    try:
        await connection.execute(TERMINATE)
    finally:
        await connection.close()


async def _persistently(world: World, do: Callable[[JetStreamContext], Awaitable[object]]) -> None:
    """Asked again where a cluster is busy, or has no leader yet after the fault before; it may then be done already."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    client = await nats.connect(world.nats_direct_url.split(","), max_reconnect_attempts=5)
    try:
        while True:
            try:
                await do(client.jetstream(timeout=10))
            except NotFoundError:
                return
            except (TimeoutError, ServiceUnavailableError):
                if time.monotonic() > give_up:
                    raise
                await asyncio.sleep(0.5)
            else:
                return
    finally:
        await client.close()


@asynccontextmanager
async def _somebody(world: World, service: str) -> AsyncIterator[Connection]:
    """A transaction that somebody has opened and forgotten."""
    connection: Connection = await asyncpg.connect(world.database_url(service))
    try:
        await connection.execute("BEGIN")
        yield connection
    finally:
        with suppress(asyncpg.InterfaceError, asyncpg.PostgresError, OSError):
            await connection.close()


def _empty(folder: Path) -> None:
    """Not the folder itself, which may be a volume."""
    inside: Iterable[Path] = folder.iterdir() if folder.exists() else ()
    for each in inside:
        shutil.rmtree(each) if each.is_dir() else each.unlink()
