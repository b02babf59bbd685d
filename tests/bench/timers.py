"""Timers: what a sweep costs while many wait, and how fast those fire that are due at once."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from statistics import median
from typing import Any

import asyncpg

from libs.chassis.clock import Clock
from libs.chassis.db.database import connect
from libs.chassis.handling.timers import TimerSweep
from libs.chassis.settings import ServiceSettings
from libs.chassis.telemetry.failures import Failures
from tests.bench.measure import Cpu, Figure
from tests.bench.place import Place
from tests.support import probe

DUE_SHARE = 100
"""One in so many is due at once."""
IDLE_SWEEPS = 50
BATCH = int(ServiceSettings.model_fields["batch_size"].default)

FILL = """
INSERT INTO timers (name, key, due_at, body)
SELECT 'Reminder', n, due_at, jsonb_build_object('name', n::text, 'due_at', due_at, 'tenant', '370784004')
FROM generate_series(1, $1) AS n, LATERAL (SELECT now() + interval '1 day' + n * interval '1 second') AS d (due_at)
ON CONFLICT DO NOTHING
"""
ARE_DUE = """
UPDATE timers SET due_at = now() - interval '1 minute'
WHERE (name, key) IN (SELECT name, key FROM timers ORDER BY due_at LIMIT $1)
"""
ANY_DUE = "SELECT EXISTS (SELECT FROM timers WHERE name = 'Reminder' AND due_at <= $1)"
TAKE_BARE = """
DELETE FROM timers WHERE name = 'Reminder' AND key = ANY(ARRAY(
    SELECT key FROM timers WHERE name = 'Reminder' AND due_at <= $1 ORDER BY due_at LIMIT $2))
RETURNING key
"""
WRITE_BARE = "INSERT INTO heard (case_id, fact, summary) SELECT uuidv7(), 'reminder', k FROM unnest($1::text[]) AS k"


async def waiting_timers(place: Place, repetitions: int, size: int) -> list[Figure]:
    """`size` timers wait; a hundredth of them is due at once. The sweep runs in this process, on its own."""
    await place.run()
    idle = Figure("idle sweep", "ms", size, less_is_better=True, limit_is="asyncpg asks whether anything is due")
    fired = Figure("timers fired", "timers/s", size // DUE_SHARE)
    fired.limit_is = "asyncpg deletes and writes the same rows, as many at a time"
    url = await place.database("bench_timers")
    db = await asyncpg.connect(url)
    await db.execute(FILL, size)
    await db.execute("VACUUM ANALYZE timers")
    engine = connect(url, pool_size=2)
    settings = ServiceSettings.model_validate({"database_url": url})
    sweep = TimerSweep(engine, probe.router(), Clock(), settings, Failures("bench"), wake_relay=lambda: None)
    for _ in range(repetitions):
        idle.limit.append(median([await _milliseconds(db.fetchval(ANY_DUE, _now())) for _ in range(IDLE_SWEEPS)]))
        idle.add(median([await _milliseconds(sweep.fire_due(BATCH)) for _ in range(IDLE_SWEEPS)]))

        await db.execute(ARE_DUE, fired.size)
        started, count = time.perf_counter(), 0
        while keys := await _take_bare(db):
            count += len(keys)
        fired.limit.append(count / (time.perf_counter() - started))

        await db.execute(ARE_DUE, fired.size)
        cpu, started, count = Cpu({"PostgreSQL": place.engines["PostgreSQL"]}), time.perf_counter(), 0
        while handled := await sweep.fire_due(BATCH):
            count += handled
        fired.add(count / (time.perf_counter() - started), cpu.spent(count))
        await db.execute(FILL, size)
    await engine.close()
    await db.close()
    return [idle, fired]


async def _take_bare(db: asyncpg.Connection) -> list[Any]:
    async with db.transaction():
        rows = await db.fetch(TAKE_BARE, _now(), BATCH)
        await db.execute(WRITE_BARE, [row["key"] for row in rows])
    return rows


async def _milliseconds(work: Any) -> float:
    started = time.perf_counter()
    await work
    return (time.perf_counter() - started) * 1000


def _now() -> datetime:
    return datetime.now(UTC)
