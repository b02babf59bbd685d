"""Relay drain: an outbox full of facts, until all are published and marked."""

from __future__ import annotations

import json
import time

import asyncpg

from libs.chassis.messaging.outbox import PARTITIONS
from libs.contracts import cloudevents
from tests.bench import bare
from tests.bench.hop import first_fact, probe_service
from tests.bench.measure import Figure
from tests.bench.place import Place, published, unsent, until
from tests.support import probe

FILL = """
INSERT INTO outbox (partition, message_id, subject, headers, body)
SELECT n % $1, uuidv7(), $2, jsonb_set($3::jsonb, '{ce-subject}', to_jsonb('case-' || n)), $4
FROM generate_series(1, $5) AS n
"""


async def relay_drain(place: Place, repetitions: int, size: int) -> list[Figure]:
    """The facts are of as many aggregates. At least two turns of the relay: the first is not measured."""
    size = max(size, 2 * bare.RELAY_BATCH)
    figure = Figure("relay drain", "facts/s", size, limit_is="asyncpg and one atomic batch of nats-py for each 500")
    for _ in range(repetitions):
        await place.only_servers({})
        url = await place.database("bench_bare")
        await _fill(url, size)
        figure.limit.append(await bare.drain(place.nats_url, url))
        await place.only_servers({"scoring": list(probe.router().events)})
        url = await place.database("bench_relay")
        await _fill(url, size)
        db = await asyncpg.connect(url)
        async with place.jetstream() as js, probe_service(place, url) as service:

            async def done(db: asyncpg.Connection = db) -> bool:
                return not await unsent(db)

            before, started, cpu = await first_fact(js, place, service)
            await until(done, "the last fact")
            seconds, sent = time.perf_counter() - started, await published(js, "SCORING")
            figure.add((sent - before) / seconds, cpu.spent(sent - before))
        await db.close()
    return [figure]


async def _fill(url: str, size: int) -> None:
    envelope = cloudevents.encode(probe.points(probe.registered()).stamped(*(probe.registered().id,) * 2))
    db = await asyncpg.connect(url)
    await db.execute(FILL, PARTITIONS, envelope.subject, json.dumps(envelope.headers), envelope.body, size)
    await db.execute("ANALYZE outbox")
    await db.close()
