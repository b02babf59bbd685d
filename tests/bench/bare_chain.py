"""The limit of a case's way through the services: a process for each, with asyncpg, nats-py and FastAPI alone.

The same facts, rows and commits as the services' own, bodies of the size of the golden samples, JSON untyped, nothing
decided. `python -m tests.bench.bare_chain <port> <chain> <service>`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import nats
import uvicorn
import uvloop
from asyncpg.pool import PoolConnectionProxy
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from nats.aio.client import Client

from libs.chassis.db.ids import new_id
from libs.contracts import cloudevents
from libs.contracts.message import Event
from libs.contracts.streams import stream_name
from tests.bench import bare, bare_sender
from tests.bench.bare_intake import Grouped, intake_app
from tests.bench.bare_steps import CHAINS, SENT, Cause, Step, name

HEARD = "INSERT INTO heard (case_id, fact, summary) SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[])"
POOL = 6


@dataclass(frozen=True, slots=True)
class Sample:
    """What a fact looks like on the bus."""

    subject: str
    headers: str
    body: dict[str, Any]

    def about(self, id: UUID, case: str) -> bytes:
        """The body of such a fact. A case has one order, which goes by the same id."""
        order = {"order_id": case} if "order_id" in self.body else {}
        return json.dumps({**self.body, "id": str(id), "case_id": case, **order}).encode()


@cache
def sample(fact: type[Event]) -> Sample:
    golden = Path(f"tests/contracts/golden/{fact.type_name()}.json").read_bytes()
    envelope = cloudevents.encode(fact.model_validate_json(golden), "00-" + "0" * 32 + "-" + "0" * 16 + "-01")
    return Sample(envelope.subject, json.dumps(envelope.headers), json.loads(envelope.body))


async def tell(db: PoolConnectionProxy, facts: Iterable[tuple[type[Event], str]]) -> None:
    """Facts about cases into the outbox."""
    told = [(sample(fact), new_id(), case) for fact, case in facts]
    if told:
        await db.execute(
            bare.OUTBOX,
            [0] * len(told),
            [id for _, id, _ in told],
            [like.subject for like, _, _ in told],
            [like.headers for like, _, _ in told],
            [like.about(id, case) for like, id, case in told],
        )


async def tell_sent(db: PoolConnectionProxy, cases: Sequence[str]) -> None:
    """The webhooks of the cases were sent."""
    await tell(db, [(fact, case) for case in cases for fact in SENT])


class Part:
    """One service's share of the way."""

    def __init__(self, steps: Mapping[Cause, Step], pool: asyncpg.Pool[Any]) -> None:
        self._steps = steps
        self._heard = [cause for cause in steps if not isinstance(cause, str)]
        self._by_subject = {sample(fact).subject: fact for fact in self._heard}
        self._pool = pool
        self._woken = asyncio.Event()
        self._sender = bare_sender.Sender(pool, tell_sent, self._woken.set)

    async def run(self, service: str, webhook_port: int | None) -> None:
        """Without the port of a provider nothing is sent."""
        connection = await nats.connect(os.environ["WANGGE_NATS_URL"])
        outbox = await bare.relay_pool(os.environ["WANGGE_BENCH_DATABASE_URL"])
        streams = {stream_name(fact.service) for fact in self._heard}
        bind = connection.jetstream().pull_subscribe_bind
        found = [await bind(consumer=service, stream=stream) for stream in sorted(streams)]
        sending = [self._sender.run(webhook_port)] if webhook_port is not None else []
        await asyncio.gather(self._relay(connection, outbox), *map(self._pull, found), *sending)

    async def take(self, db: PoolConnectionProxy, ids: Sequence[UUID]) -> None:
        """Reports that were just stored."""
        await self._follow(db, [("reports", str(id)) for id in ids])

    def committed(self, causes: Iterable[Cause]) -> None:
        """Wake whoever has something to do after what followed from them."""
        steps = [self._steps[cause] for cause in causes]
        if any(step.facts for step in steps):
            self._woken.set()
        if any(step.webhook for step in steps):
            self._sender.wake()

    def take_requests(self, app: FastAPI) -> None:
        """What members do with orders, in groups of each kind."""
        groups = {cause: Grouped(partial(self._answer, cause)) for cause in self._steps if isinstance(cause, str)}

        @app.post("/v1/orders/{order_id}/{verb}")
        async def ask(order_id: str, verb: str, request: Request) -> JSONResponse:
            json.loads(await request.body())
            await groups[verb].send(order_id)
            return JSONResponse({"order_id": order_id})

    async def _answer(self, verb: str, orders: list[str]) -> None:
        async with self._pool.acquire() as db, db.transaction():
            await self._follow(db, [(verb, order) for order in orders])
        self.committed([verb])

    async def _relay(self, connection: Client, outbox: asyncpg.Pool[Any]) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            await bare.relay(outbox, connection)

    async def _pull(self, subscription: Any) -> None:
        async for messages in bare.batches(subscription):
            await bare.handle(messages, self._pool, self._hear)
            self.committed({self._by_subject[m.subject] for m in messages})

    async def _hear(self, db: PoolConnectionProxy, messages: list[Any]) -> None:
        bodies = [(self._by_subject[m.subject], json.loads(m.data)) for m in messages]
        await db.fetch(bare.INBOX, [UUID(body["id"]) for _, body in bodies])
        await self._follow(db, [(fact, body["case_id"]) for fact, body in bodies])

    async def _follow(self, db: PoolConnectionProxy, caused: Sequence[tuple[Cause, str]]) -> None:
        """The rows and facts that follow from each cause, and the webhooks."""
        steps = [(cause, self._steps[cause], case) for cause, case in caused]
        rows = [(name(cause), case) for cause, step, case in steps for _ in range(step.rows)]
        if rows:
            await db.execute(HEARD, [UUID(c) for _, c in rows], [cause for cause, _ in rows], [c for _, c in rows])
        await tell(db, [(fact, case) for _, step, case in steps for fact in step.facts])
        if due := [case for _, step, case in steps if step.webhook]:
            await bare_sender.queue(db, due)


async def main(port: int, chain: str, service: str) -> None:
    url, webhook_port = os.environ["WANGGE_BENCH_DATABASE_URL"], os.environ.get("WANGGE_BENCH_WEBHOOK_PORT")
    pool = await bare.connections(url, POOL)
    await pool.execute(bare_sender.TABLE)
    part = Part(CHAINS[chain][service], pool)
    app = intake_app(url, part.take, lambda: part.committed(["reports"]))
    part.take_requests(app)
    config = uvicorn.Config(
        app,
        port=port,
        http="httptools",
        timeout_keep_alive=bare.KEEP_ALIVE_SECONDS,
        access_log=False,
        log_level="warning",
    )
    await asyncio.gather(uvicorn.Server(config).serve(), part.run(service, int(webhook_port) if webhook_port else None))


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), *sys.argv[2:]))
