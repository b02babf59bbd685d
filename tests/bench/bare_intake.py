"""The limit of the intake: FastAPI, asyncpg and grouped commits of one row; no validation, no facts."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import uvicorn
from asyncpg.pool import PoolConnectionProxy
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from libs.chassis.ids import new_id

Also = Callable[[PoolConnectionProxy, Sequence[UUID]], Awaitable[None]]
"""Writes what else belongs to reports, by their ids, in the transaction that is open."""


async def nothing(db: PoolConnectionProxy, ids: Sequence[UUID]) -> None:
    """One row is all that is written."""


def intake_app(database_url: str, also: Also = nothing, stored: Callable[[], None] = lambda: None) -> FastAPI:
    """FastAPI, asyncpg and a grouped commit of one row with a unique key: no validation. `stored` is told."""
    pending: list[tuple[dict[str, Any], str, asyncio.Future[str]]] = []
    running: list[asyncio.Task[None]] = []
    pools: list[asyncpg.Pool[Any]] = []
    app = FastAPI()

    @app.post("/v1/reports")
    async def report(request: Request) -> JSONResponse:
        body = json.loads(await request.body())
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        pending.append((body, request.headers["idempotency-key"], answer))
        if not running:
            running.append(asyncio.create_task(commit()))
        return JSONResponse({"case_id": await answer}, 201)

    async def commit() -> None:
        if not pools:
            pools.append(await asyncpg.create_pool(database_url, min_size=2, max_size=2))
            async with pools[0].acquire() as db:
                await db.execute("CREATE TABLE IF NOT EXISTS bare (key text PRIMARY KEY, id uuid, body text)")
        while pending:
            group, pending[:] = pending[:100], pending[100:]
            ids = [new_id() for _ in group]
            try:
                async with pools[0].acquire() as db, db.transaction():
                    await db.execute(
                        "INSERT INTO bare SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[])",
                        [key for _, key, _ in group],
                        ids,
                        [body["text"] for body, _, _ in group],
                    )
                    await also(db, ids)
            except asyncpg.PostgresError as error:
                for _, _, answer in group:
                    answer.set_exception(error)
                continue
            for (_, _, answer), id in zip(group, ids, strict=True):
                answer.set_result(str(id))
            stored()
        running.clear()

    return app


if __name__ == "__main__":
    config = uvicorn.Config(
        intake_app(os.environ["WANGGE_BENCH_DATABASE_URL"]),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
    uvicorn.Server(config).run()
