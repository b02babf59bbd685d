"""A report on its way through all four services: until somebody could know of it, and until its points are posted."""

from __future__ import annotations

import time

import asyncpg

from deploy.local.local_street import TENANT
from tests.bench import load
from tests.bench.measure import Cpu, Figure
from tests.bench.place import Place, all_created, ids_from_now_on, reports

EVERYBODY = ("incident", "dispatch", "scoring", "notify")
OFFERS = "SELECT count(*) FROM notices WHERE tenant = $1 AND event_id > $2 AND template = 'offered'"


async def report_to_notification(place: Place, repetitions: int, size: int) -> list[Figure]:
    """From the first request until every order's offer is in its members' inboxes, and nothing is left to do."""
    await place.run(*EVERYBODY)
    figure = Figure("report → notification queued", "reports/s", size, goal=2000)
    db = await asyncpg.connect(place.street.database_url("notify"))
    for n in range(repetitions):
        requests = reports(size, f"queued-{place.run_id}-{n}")
        before, cpu, started = ids_from_now_on(), Cpu(place.processes), time.perf_counter()
        all_created(await load.run(place.port("incident"), requests, rate=None))
        seconds = await place.settled() - started
        figure.add(size / seconds, cpu.spent(size))
        offered = await db.fetchval(OFFERS, TENANT, before)
        if offered != size:
            raise ValueError(f"{offered} of {size} orders were offered")
    await db.close()
    return [figure]
