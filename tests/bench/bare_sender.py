"""The limit of notify's sender within a chain: asyncpg, asyncio and httptools; leased, sent and recorded as it does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from libs.chassis.db.ids import new_id
from tests.bench import load
from tests.bench.sender import CONNECTIONS

SENT_STATUS = 204
TABLE = """
CREATE TABLE IF NOT EXISTS webhooks (
    id uuid PRIMARY KEY, case_id uuid NOT NULL, due_at timestamptz, ended_at timestamptz);
CREATE INDEX IF NOT EXISTS webhooks_due ON webhooks (due_at) WHERE due_at IS NOT NULL
"""
QUEUE = (
    "INSERT INTO webhooks (id, case_id, due_at) SELECT id, c, now() FROM unnest($1::uuid[], $2::uuid[]) AS r (id, c)"
)
LEASE = """
UPDATE webhooks SET due_at = now() + interval '60 seconds' WHERE id = ANY(ARRAY(
    SELECT id FROM webhooks WHERE due_at <= now() ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED))
RETURNING id, case_id
"""
ENDED = "UPDATE webhooks SET due_at = NULL, ended_at = now() WHERE id = ANY($1::uuid[])"
SAID = {
    "template": "registered",
    "case_no": "20261123-000042",
    "occurred_at": "2026-11-23T04:00:00.000000+00:00",
    "subject": "您反映的“路灯不亮”已立案（20261123-000042）",
    "text": "您好：\n\n您反映的“路灯不亮”问题已经立案，案件编号 20261123-000042。\n办理进展随时可以在这里查看：\n"
    "http://127.0.0.1:8000/v1/track/SDZ8HVVAPJYPF\n\n请妥善保管此链接，凭它可以查看案件并作出评价。\n",
    "link": "http://127.0.0.1:8000/v1/track/SDZ8HVVAPJYPF",
}

Told = Callable[[PoolConnectionProxy, Sequence[str]], Awaitable[None]]
"""Writes the facts of cases whose webhook was sent, in the transaction that is open."""


async def queue(db: PoolConnectionProxy, cases: Sequence[str]) -> None:
    """A webhook for each of the cases is due."""
    await db.execute(QUEUE, [new_id() for _ in cases], [UUID(case) for case in cases])


class Sender:
    """Sends what is due when it is woken. What is not taken stays as it is, and is missed by the scenario."""

    def __init__(self, pool: asyncpg.Pool[Any], told: Told, recorded: Callable[[], None]) -> None:
        self._pool, self._told, self._recorded = pool, told, recorded
        self._woken, self._any_sent = asyncio.Event(), asyncio.Event()
        self._sent: list[tuple[UUID, str]] = []

    def wake(self) -> None:
        self._woken.set()

    async def run(self, port: int) -> None:
        connections = await load.Connections.open(port, CONNECTIONS)
        await asyncio.gather(self._send(connections), self._record())

    async def _send(self, connections: load.Connections) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            leased = await self._pool.fetch(LEASE, CONNECTIONS)
            for id, case_id in leased:
                said = {"delivery_id": str(id), "case_id": str(case_id), **SAID}
                request = load.post("/hook", json.dumps(said, ensure_ascii=False).encode())
                connections.send(request, partial(self._answered, id, str(case_id)))
            if len(leased) == CONNECTIONS:
                self.wake()

    def _answered(self, id: UUID, case: str, status: int, _: bytes) -> None:
        if status == SENT_STATUS:
            self._sent.append((id, case))
            self._any_sent.set()

    async def _record(self) -> None:
        while True:
            await self._any_sent.wait()
            self._any_sent.clear()
            sent, self._sent = self._sent, []
            async with self._pool.acquire() as db, db.transaction():
                await db.execute(ENDED, [id for id, _ in sent])
                await self._told(db, [case for _, case in sent])
            self._recorded()
