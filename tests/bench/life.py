"""A report on its way through all four services: until somebody could know of it, and until its points are posted."""

from __future__ import annotations

import time

import asyncpg

from deploy.local.system import TENANT
from libs.chassis.db.ids import new_id
from tests.bench import chain, load
from tests.bench.busy_people import People
from tests.bench.measure import Cpu, Figure
from tests.bench.place import Place, all_created, ids_from_now_on, reports

EVERYBODY = ("incident", "dispatch", "scoring", "notify")
# An offer of an earlier case that widens meanwhile is none of this run.
OFFERS = """
SELECT count(*) FROM notices WHERE tenant = $1 AND event_id > $2 AND case_id > $2 AND template = 'offered'
"""
# A daily cap may leave a case without points; its order is recorded all the same, in the transaction that posts.
SCORED = """
SELECT count(*) AS passed, count(*) FILTER (WHERE EXISTS (
    SELECT FROM transactions t WHERE t.order_id = o.order_id AND t.kind = 'earn')) AS with_points
FROM orders o WHERE tenant = $1 AND order_id > $2 AND passed_at IS NOT NULL
"""
LIMIT_IS = "FastAPI, asyncpg and nats-py in {} processes: the same facts, rows and commits, JSON untyped"


async def report_to_notification(place: Place, repetitions: int, size: int) -> list[Figure]:
    """From the first request until every order's offer is in its members' inboxes, and nothing is left to do."""
    limit_is = LIMIT_IS.format("three")
    figure = Figure("report → notification queued", "reports/s", size, limit_is=limit_is, times_limit=0.8)
    async with chain.running(place, "queued") as bare:
        for _ in range(repetitions):
            figure.add_limit(*await _queue(bare, size))
            await bare.came_through(size)
    await place.run(*EVERYBODY)
    db = await asyncpg.connect(place.street.database_url("notify"))
    for _ in range(repetitions):
        before = ids_from_now_on()
        figure.add(*await _queue(place, size))
        offered = await db.fetchval(OFFERS, TENANT, before)
        if offered != size:
            raise ValueError(f"{offered} of {size} orders were offered")
    await db.close()
    return [figure]


async def _queue(by: Place | chain.Chain, size: int) -> tuple[float, dict[str, float]]:
    """Reports a second, and the CPU of each."""
    requests = reports(size, f"queued-{new_id().hex}")
    cpu, started = Cpu(by.processes), time.perf_counter()
    all_created(await load.run(by.port("incident"), requests, rate=None))
    seconds = await by.settled() - started
    return size / seconds, cpu.spent(size)


async def whole_life(place: Place, repetitions: int, size: int) -> list[Figure]:
    """Report, claim, hand-in and check over HTTP by people who lose no time, until the points are posted.

    A new report comes when a case has been checked: so many are under way all the time, and no queue grows.
    """
    limit_is = LIMIT_IS.format("four")
    figure = Figure("whole life to points posted", "cases/s", size, limit_is=limit_is, times_limit=0.6)
    async with chain.running(place, "life") as bare:
        for _ in range(repetitions):
            figure.add_limit(*await _live(bare, place, size))
            await bare.came_through(size)
    await place.run(*EVERYBODY)
    db = await asyncpg.connect(place.street.database_url("scoring"))
    for _ in range(repetitions):
        before = ids_from_now_on()
        rate, more = await _live(place, place, size)
        scored = await db.fetchrow(SCORED, TENANT, before)
        assert scored is not None
        if scored["passed"] != size:
            raise ValueError(f"scoring knows {scored['passed']} of {size} checked orders")
        figure.add(rate, {**more, "% of cases with points": 100 * scored["with_points"] / size})
    await db.close()
    return [figure]


async def _live(by: Place | chain.Chain, place: Place, size: int) -> tuple[float, dict[str, float]]:
    """Cases a second, and what explains them."""
    requests = reports(size, f"life-{new_id().hex}")
    cpu, started = Cpu(by.processes), time.perf_counter()
    async with People(place, by.port, requests) as people:
        await people.all_checked()
    seconds = await by.settled() - started
    return size / seconds, {"claims refused": float(people.refused), **cpu.spent(size)}
