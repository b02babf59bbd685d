"""A backlog of events: how fast it is drained, and whether the consumer's memory grows meanwhile."""

from __future__ import annotations

import time

import asyncpg

from tests.bench.hop import CONSUMED, first_fact, probe_service
from tests.bench.measure import Figure, memory_mib
from tests.bench.place import Place, consume_anew, publish, published, unsent, until
from tests.support import probe

EARLY = 0.1
"""Of the backlog: by then the consumer has all that it needs."""


async def event_backlog(place: Place, repetitions: int, size: int) -> list[Figure]:
    drained = Figure("backlog drained", "events/s", size)
    grown = Figure("memory at its end, of that at a tenth", "×", size, goal=1.1, less_is_better=True)
    for _ in range(repetitions):
        await place.only_servers({})
        await publish(place.nats_url, (probe.registered() for _ in range(size)))
        await consume_anew(place, "INCIDENT", CONSUMED)
        url = await place.database("bench_backlog")
        db = await asyncpg.connect(url)
        async with place.jetstream() as js, probe_service(place, url) as service:

            async def early() -> bool:
                return await published(js, "SCORING") >= size * EARLY

            async def done(db: asyncpg.Connection = db) -> bool:
                return await published(js, "SCORING") >= size and not await unsent(db)

            before, started, cpu = await first_fact(js, place, service)
            await until(early, "the first tenth", size)
            first = memory_mib(service.pid)
            await until(done, "the last event", size)
            last = memory_mib(service.pid)
            drained.add((size - before) / (time.perf_counter() - started), cpu.spent(size - before))
            grown.add(last / first, {"at a tenth MiB": first, "at its end MiB": last})
        await db.close()
    return [drained, grown]
