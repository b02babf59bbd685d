"""The limits that the figures stand beside: the same work with nothing but the libraries below the chassis."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any
from uuid import UUID

import asyncpg
import nats
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from libs.chassis.ids import new_id

BATCH = 200


async def hop(nats_url: str, database_url: str, count: int) -> float:
    """Events a second: pull, inbox, one row, one outbox row, commit, ack, publish, mark; as few calls as possible."""
    connection = await nats.connect(nats_url)
    js = connection.jetstream()
    pool = await asyncpg.create_pool(database_url, min_size=3, max_size=3)
    subscription = await js.pull_subscribe_bind(consumer="scoring", stream="INCIDENT")
    woken, handled = asyncio.Event(), 0

    async def consume() -> None:
        nonlocal handled
        while handled < count:
            try:
                messages = await subscription.fetch(BATCH, timeout=1)
            except TimeoutError:
                continue
            bodies = [json.loads(m.data) for m in messages]
            ids = [UUID(b["id"]) for b in bodies]
            async with pool.acquire() as db, db.transaction():
                await db.fetch(
                    "INSERT INTO inbox (message_id) SELECT * FROM unnest($1::uuid[]) "
                    "ON CONFLICT DO NOTHING RETURNING message_id",
                    ids,
                )
                await db.execute(
                    "INSERT INTO heard (case_id, fact, summary) "
                    "SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[])",
                    [UUID(b["case_id"]) for b in bodies],
                    ["registered"] * len(bodies),
                    [b["summary"] for b in bodies],
                )
                await db.execute(
                    "INSERT INTO outbox (partition, message_id, subject, headers, body) "
                    "SELECT * FROM unnest($1::smallint[], $2::uuid[], $3::text[], $4::jsonb[], $5::bytea[])",
                    [0] * len(bodies),
                    [new_id() for _ in bodies],
                    ["wangge.370784004.scoring.points_posted.v1"] * len(bodies),
                    [json.dumps(m.headers) for m in messages],
                    [m.data for m in messages],
                )
            for m in messages:
                await m.ack()
            handled += len(messages)
            woken.set()

    async def relay() -> None:
        sent = 0
        while sent < count:
            await woken.wait()
            woken.clear()
            async with pool.acquire() as db, db.transaction():
                rows = await db.fetch(
                    "SELECT position, message_id, subject, headers, body FROM outbox "
                    "WHERE sent_at IS NULL ORDER BY position LIMIT 500"
                )
                if rows:
                    await publish(rows)
                    await db.execute(
                        "UPDATE outbox SET sent_at = now() WHERE position = ANY($1)", [r["position"] for r in rows]
                    )
                    sent += len(rows)
                    woken.set()

    async def publish(rows: list[Any]) -> None:
        batch = new_id().hex
        for n, row in enumerate(rows, 1):
            headers = {
                **json.loads(row["headers"]),
                "Nats-Msg-Id": str(row["message_id"]),
                "Nats-Batch-Id": batch,
                "Nats-Batch-Sequence": str(n),
            }
            if n < len(rows):
                await connection.publish(row["subject"], row["body"], headers=headers)
            else:
                await connection.request(row["subject"], row["body"], headers={**headers, "Nats-Batch-Commit": "1"})

    started = time.perf_counter()
    await asyncio.gather(consume(), relay())
    seconds = time.perf_counter() - started
    await connection.close()
    await pool.close()
    return count / seconds


def intake_app(database_url: str) -> FastAPI:
    """FastAPI, asyncpg and a grouped commit of one row with a unique key: no validation, no facts."""
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
            async with pools[0].acquire() as db, db.transaction():
                await db.execute(
                    "INSERT INTO bare SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[])",
                    [key for _, key, _ in group],
                    ids,
                    [body["text"] for body, _, _ in group],
                )
            for (_, _, answer), id in zip(group, ids, strict=True):
                answer.set_result(str(id))
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
