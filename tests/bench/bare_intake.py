"""What bare libraries need to take a report: FastAPI, asyncpg, grouped commits of one row, a contact sealed; no
validation. Alone it publishes nothing."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar
from uuid import UUID

import asyncpg
import uvicorn
from asyncpg.pool import PoolConnectionProxy
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from nacl.public import PrivateKey, SealedBox

from libs.chassis.db.ids import new_id
from tests.bench import bare

GROUP = 100

T = TypeVar("T")
Also = Callable[[PoolConnectionProxy, Sequence[UUID]], Awaitable[None]]
"""Writes what else belongs to reports, by their ids, in the transaction that is open."""


async def nothing(db: PoolConnectionProxy, ids: Sequence[UUID]) -> None:
    """One row is all that is written."""


class Grouped(Generic[T]):
    """What arrives while a group is committed is committed together after it."""

    def __init__(self, commit: Callable[[list[T]], Awaitable[None]]) -> None:
        self._commit = commit
        self._pending: list[tuple[T, asyncio.Future[None]]] = []
        self._running: asyncio.Task[None] | None = None

    async def send(self, item: T) -> None:
        """Returns after the commit."""
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append((item, stored))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        await stored

    async def _run(self) -> None:
        while self._pending:
            group, self._pending[:] = self._pending[:GROUP], self._pending[GROUP:]
            try:
                await self._commit([item for item, _ in group])
            except asyncpg.PostgresError as error:
                for _, stored in group:
                    stored.set_exception(error)
                continue
            for _, stored in group:
                stored.set_result(None)
        self._running = None


def intake_app(database_url: str, also: Also = nothing, stored: Callable[[], None] = lambda: None) -> FastAPI:
    """FastAPI, asyncpg and a grouped commit of one row with a unique key: no validation. `stored` is told."""
    sealed = SealedBox(PrivateKey.generate().public_key)
    pools: list[asyncpg.Pool[Any]] = []
    app = FastAPI()

    @app.post("/v1/reports")
    async def report(request: Request) -> JSONResponse:
        body, id = json.loads(await request.body()), new_id()
        contact = sealed.encrypt(json.dumps(body["contact"]).encode()).hex() if "contact" in body else ""
        await reports.send((request.headers["idempotency-key"], id, body["text"] + contact))
        return JSONResponse({"case_id": str(id)}, 201)

    async def commit(group: list[tuple[str, UUID, str]]) -> None:
        if not pools:
            pools.append(await bare.connections(database_url, 2))
            async with pools[0].acquire() as db:
                await db.execute("CREATE TABLE IF NOT EXISTS bare (key text PRIMARY KEY, id uuid, body text)")
        keys, ids, texts = zip(*group, strict=True)
        async with pools[0].acquire() as db, db.transaction():
            await db.execute(
                "INSERT INTO bare SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[])", keys, ids, texts
            )
            await also(db, ids)
        stored()

    reports = Grouped(commit)
    return app


if __name__ == "__main__":
    config = uvicorn.Config(
        intake_app(os.environ["WANGGE_BENCH_DATABASE_URL"]),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        timeout_keep_alive=bare.KEEP_ALIVE_SECONDS,
        access_log=False,
        log_level="warning",
    )
    uvicorn.Server(config).run()
