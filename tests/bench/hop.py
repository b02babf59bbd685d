"""Consumer hop: pull, inbox, one row, one fact, commit, ack, publish, mark; beside it nats-py and asyncpg alone."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from nats.js import JetStreamContext

from deploy.local.servers.guarded_process import Process
from deploy.local.servers.machine import free_port
from libs.chassis.db.ids import new_id
from libs.contracts.incident import CaseRegistered
from libs.contracts.message import Message
from tests.bench import bare
from tests.bench.measure import Cpu, Figure
from tests.bench.place import Place, consume_anew, process, publish, published, unsent, until
from tests.support import probe

CONSUMED: dict[str, list[type[Message]]] = {"scoring": [CaseRegistered]}
FACT = "wangge.370784004.scoring.points_posted.v1"


async def consumer_hop(place: Place, repetitions: int, size: int) -> list[Figure]:
    figure = Figure("consumer hop", "events/s", size, limit_is="nats-py and asyncpg, the same round trips")
    for _ in range(repetitions):
        await place.only_servers({})
        await publish(place.nats_url, (probe.registered() for _ in range(size)))
        await consume_anew(place, "INCIDENT", CONSUMED)
        figure.limit.append(await bare.consume(place.nats_url, await place.database("bench_bare"), size, write_bare))
        await empty_of_facts(place)
        await consume_anew(place, "INCIDENT", CONSUMED)
        await _hop_once(place, size, figure)
    return [figure]


async def _hop_once(place: Place, size: int, figure: Figure) -> None:
    url = await place.database("bench_hop")
    db = await asyncpg.connect(url)
    async with place.jetstream() as js, probe_service(place, url) as service:

        async def done() -> bool:
            return await published(js, "SCORING") >= size and not await unsent(db)

        before, started, cpu = await first_fact(js, place, service)
        await until(done, "the last event")
        figure.add((size - before) / (time.perf_counter() - started), cpu.spent(size - before))
    await db.close()


async def first_fact(js: JetStreamContext, place: Place, service: Process) -> tuple[int, float, Cpu]:
    """Wait for it: a service that starts is not what is measured. The facts so far, the time, and CPU from then on."""

    async def begun() -> bool:
        return await published(js, "SCORING") > 0

    await until(begun, "the first event")
    before, started = await published(js, "SCORING"), time.perf_counter()
    return before, started, Cpu({"service": service.pid, **place.engines})


@asynccontextmanager
async def probe_service(place: Place, url: str) -> AsyncIterator[Process]:
    """The probe of the chassis' tests, as a process of its own."""
    environment = {
        "WANGGE_NATS_URL": place.nats_url,
        "WANGGE_BENCH_DATABASE_URL": url,
        "WANGGE_HTTP_PORT": str(free_port()),
    }
    with process("tests.bench.probe_service", log=place.folder / "log" / "probe.log", **environment) as service:
        yield service


async def empty_of_facts(place: Place) -> None:
    async with place.jetstream() as js:
        await js.purge_stream("SCORING")


async def write_bare(db: PoolConnectionProxy, messages: list[Any]) -> None:
    """What the probe's handler writes, and a fact for each message."""
    bodies = [json.loads(m.data) for m in messages]
    await db.fetch(bare.INBOX, [UUID(b["id"]) for b in bodies])
    await db.execute(
        "INSERT INTO heard (case_id, fact, summary) SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[])",
        [UUID(b["case_id"]) for b in bodies],
        ["registered"] * len(bodies),
        [b["summary"] for b in bodies],
    )
    await db.execute(
        bare.OUTBOX,
        [0] * len(bodies),
        [new_id() for _ in bodies],
        [FACT] * len(bodies),
        [json.dumps(m.headers) for m in messages],
        [m.data for m in messages],
    )
