"""The limit of a report's way to its notification: three processes with asyncpg, nats-py and FastAPI alone.

The same facts, rows and commits as the services' own, bodies of the size of the golden samples, JSON untyped, nothing
decided. `python -m tests.bench.bare_chain <port> <service>`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import nats
import uvicorn
import uvloop
from asyncpg.pool import PoolConnectionProxy
from nats.aio.client import Client

from libs.chassis.ids import new_id
from libs.contracts import cloudevents
from libs.contracts.dispatch import OrderDispatched, OrderOffered
from libs.contracts.incident import CaseRegistered, CaseReported
from libs.contracts.message import Event, Message
from libs.contracts.streams import stream_name
from tests.bench import bare
from tests.bench.bare_intake import intake_app

CONSUMED: dict[str, list[type[Message]]] = {
    "incident": [OrderDispatched],
    "dispatch": [CaseRegistered],
    "notify": [CaseReported, CaseRegistered, OrderOffered],
}
ROWS: Mapping[type[Event], int] = {OrderDispatched: 2, CaseRegistered: 2, CaseReported: 1, OrderOffered: 4}
"""A case and an entry of its timeline; an order and its timer; a case; a notice and three deliveries."""
NOT_FOR = {"notify": (CaseRegistered,)}
"""Heard by notify, and nobody is told: these reports have no contact."""
FOLLOWING: Mapping[str, tuple[type[Event], ...]] = {"dispatch": (OrderDispatched, OrderOffered)}
REPORTED: tuple[type[Event], ...] = (CaseReported, CaseRegistered)
HEARD = "INSERT INTO heard (case_id, fact, summary) SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[])"


@dataclass(frozen=True, slots=True)
class Sample:
    """What a fact looks like on the bus."""

    subject: str
    headers: str
    body: dict[str, Any]

    @classmethod
    def of(cls, fact: type[Event]) -> Sample:
        golden = Path(f"tests/contracts/golden/{fact.type_name()}.json").read_bytes()
        envelope = cloudevents.encode(fact.model_validate_json(golden), "00-" + "0" * 32 + "-" + "0" * 16 + "-01")
        return cls(envelope.subject, json.dumps(envelope.headers), json.loads(envelope.body))


SAMPLES = {fact: Sample.of(fact) for fact in {*REPORTED, *FOLLOWING["dispatch"]}}
BY_SUBJECT = {sample.subject: fact for fact, sample in SAMPLES.items()}


async def tell(db: PoolConnectionProxy, cases: Sequence[str], facts: Sequence[type[Event]]) -> None:
    """The facts of each case into the outbox."""
    told = [(SAMPLES[fact], new_id(), case) for case in cases for fact in facts]
    if told:
        await db.execute(
            bare.OUTBOX,
            [0] * len(told),
            [id for _, id, _ in told],
            [sample.subject for sample, _, _ in told],
            [sample.headers for sample, _, _ in told],
            [json.dumps({**sample.body, "id": str(id), "case_id": case}).encode() for sample, id, case in told],
        )


class Part:
    """One service's share of the way."""

    def __init__(self, service: str, pool: asyncpg.Pool[Any]) -> None:
        self._service = service
        self._pool = pool
        self._woken = asyncio.Event()

    async def run(self) -> None:
        connection = await nats.connect(os.environ["WANGGE_NATS_URL"])
        streams = {stream_name(fact.service) for fact in CONSUMED[self._service]}
        bind = connection.jetstream().pull_subscribe_bind
        found = [await bind(consumer=self._service, stream=stream) for stream in sorted(streams)]
        outbox = await bare.relay_pool(os.environ["WANGGE_BENCH_DATABASE_URL"])
        await asyncio.gather(self._relay(connection, outbox), *map(self._pull, found))

    async def take(self, db: PoolConnectionProxy, ids: Sequence[UUID]) -> None:
        """Reports that were just stored."""
        cases = [str(id) for id in ids]
        await db.execute(HEARD, ids, ["timeline"] * len(ids), cases)
        await tell(db, cases, REPORTED)

    def stored(self) -> None:
        self._woken.set()

    async def _relay(self, connection: Client, outbox: asyncpg.Pool[Any]) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            await bare.relay(outbox, connection)

    async def _pull(self, subscription: Any) -> None:
        async for messages in bare.batches(subscription):
            await bare.handle(messages, self._pool, self._write)
            self._woken.set()

    async def _write(self, db: PoolConnectionProxy, messages: list[Any]) -> None:
        bodies = [(BY_SUBJECT[m.subject], json.loads(m.data)) for m in messages]
        await db.fetch(bare.INBOX, [UUID(body["id"]) for _, body in bodies])
        mine = [(fact, body) for fact, body in bodies if fact not in NOT_FOR.get(self._service, ())]
        rows = [(fact, body["case_id"]) for fact, body in mine for _ in range(ROWS[fact])]
        await db.execute(HEARD, [UUID(c) for _, c in rows], [f.message_name for f, _ in rows], [c for _, c in rows])
        await tell(db, [body["case_id"] for _, body in mine], FOLLOWING.get(self._service, ()))


async def main(port: int, service: str) -> None:
    pool = await bare.connections(os.environ["WANGGE_BENCH_DATABASE_URL"], 4)
    part = Part(service, pool)
    app = intake_app(os.environ["WANGGE_BENCH_DATABASE_URL"], part.take, part.stored)
    config = uvicorn.Config(app, port=port, http="httptools", access_log=False, log_level="warning")
    await asyncio.gather(uvicorn.Server(config).serve(), part.run())


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
