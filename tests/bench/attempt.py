"""Report → first delivery attempt: an open loop of reports, and a provider of webhooks that is told of each."""

from __future__ import annotations

import json
import time
from contextlib import suppress

import asyncpg

from deploy.local.system import TENANT
from libs.chassis.db.ids import new_id
from tests.bench import chain, load
from tests.bench.life import EVERYBODY
from tests.bench.measure import Cpu, Figure
from tests.bench.place import Place, all_created, ids_from_now_on, reports, until
from tests.bench.sender import FORGET_DUE, POLL, Provider, provider

RATES = (50, 200, 1000)
GOALS = {(200, 0.5): 1.3, (200, 0.99): 1.3}
"""By rate and share: how many times the limit's."""
AFTERWARDS_SECONDS = 10.0
"""What was not attempted by then counts with the time that it has waited: the percentiles are then "at least"."""

NO_MAIL = """
INSERT INTO preferences (tenant, recipient_id, wishes)
SELECT tenant, recipient_id, '{"email": false}' FROM contacts WHERE tenant = $1 AND recipient_id LIKE 'member:%'
ON CONFLICT (tenant, recipient_id) DO UPDATE SET wishes = excluded.wishes
"""
MAIL_AGAIN = "UPDATE preferences SET wishes = '{}' WHERE tenant = $1 AND recipient_id LIKE 'member:%'"
OFFERED = """
SELECT CAST(percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM queued_at - occurred_at))
    AS float8[])
FROM notices WHERE tenant = $1 AND event_id > $2 AND case_id > $2 AND template = 'offered'
"""


LIMIT_IS = "FastAPI, asyncpg, nats-py and httptools in three processes: the same facts, rows and commits, JSON untyped"


async def report_to_attempt(place: Place, repetitions: int, size: int) -> list[Figure]:
    """`size` reports at 200 a second, and as long at the other rates.

    The reporter's webhook is the one channel that sends: members read of their offers in the app.
    """
    figures = {rate: _figures(rate, rate * size // 200) for rate in RATES}
    db = await asyncpg.connect(place.street.database_url("notify"))
    async with provider(place, 0.0) as asked:
        async with chain.running(place, "attempt", WANGGE_BENCH_WEBHOOK_PORT=str(asked.port)) as bare:
            for rate, made in figures.items():
                for _ in range(repetitions):
                    waited, more = await _once(bare, rate, made[0.5].size, asked)
                    for share, figure in made.items():
                        figure.add_limit(load.percentile(waited, share) * 1000, more if share == 0.5 else None)
                    await bare.came_through(figure.size)
        await db.execute(FORGET_DUE)
        await db.execute(NO_MAIL, TENANT)
        await place.run(*EVERYBODY, WANGGE_SENDING="true", WANGGE_SEND_POLL_SECONDS=POLL)
        for rate, made in figures.items():
            for _ in range(repetitions):
                before = ids_from_now_on()
                waited, more = await _once(place, rate, made[0.5].size, asked)
                offered = await db.fetchval(OFFERED, TENANT, before)
                more |= {"offer in the app p50 ms": offered[0] * 1000, "offer in the app p99 ms": offered[1] * 1000}
                for share, figure in made.items():
                    figure.add(load.percentile(waited, share) * 1000, more if share == 0.5 else None)
    await place.run()
    await db.execute(MAIL_AGAIN, TENANT)
    await db.close()
    return [figure for made in figures.values() for figure in made.values()]


def _figures(rate: int, size: int) -> dict[float, Figure]:
    """By the share of reports that wait no longer."""
    return {
        share: Figure(
            f"report → first attempt at {rate:,}/s, {name}",
            "ms",
            size,
            less_is_better=True,
            limit_is=LIMIT_IS,
            times_limit=GOALS.get((rate, share)),
        )
        for share, name in ((0.5, "p50"), (0.99, "p99"), (0.999, "p99.9"))
    }


async def _once(by: Place | chain.Chain, rate: int, size: int, asked: Provider) -> tuple[list[float], dict[str, float]]:
    """The seconds that each report waited until the provider was told of it, and what explains them."""
    requests = reports(size, f"attempt-{new_id().hex}", contact={"webhook_url": asked.url})
    await asked.forget()
    cpu = Cpu(by.processes)
    outcome = all_created(await load.run(by.port("incident"), requests, rate=rate))
    load_ended = time.time()

    async def all_attempted() -> bool:
        return await asked.count() >= size

    with suppress(TimeoutError):
        await until(all_attempted, "the last attempt", AFTERWARDS_SECONDS)
    now, spent = time.time(), cpu.spent(size)
    at: dict[str, float] = {}
    for when, delivery in await asked.received():
        at.setdefault(delivery["case_id"], when)
    cases = [(since, json.loads(body)["case_id"]) for since, body in outcome.answers]
    behind = size - sum(1 for when in at.values() if when <= load_ended)
    await by.settled()
    return [at.get(case, now) - since for since, case in cases], {
        "behind at the end of the load": behind,
        "backlog growth /s": behind / outcome.seconds,
        "never attempted": size - len(at),
        "answered p99 ms": outcome.milliseconds(0.99),
        "load late at most ms": outcome.late_seconds * 1000,
        **spent,
    }
