"""A report on its way through all four services: until somebody could know of it, and until its points are posted."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack

import asyncpg

from deploy.local.local_street import TENANT
from libs.chassis.ids import new_id
from tests.bench import bare_chain, load
from tests.bench.busy_people import People
from tests.bench.measure import Cpu, Figure
from tests.bench.place import Place, all_created, ids_from_now_on, listening, reports, until

EVERYBODY = ("incident", "dispatch", "scoring", "notify")
OFFERS = "SELECT count(*) FROM notices WHERE tenant = $1 AND event_id > $2 AND template = 'offered'"
TOLD = "SELECT count(*) FROM heard WHERE fact <> 'timeline'"
# A daily cap may leave a case without points; its order is recorded all the same, in the transaction that posts.
SCORED = """
SELECT count(*) AS passed, count(*) FILTER (WHERE EXISTS (
    SELECT FROM transactions t WHERE t.order_id = o.order_id AND t.kind = 'earn')) AS with_points
FROM orders o WHERE tenant = $1 AND order_id > $2 AND passed_at IS NOT NULL
"""


async def report_to_notification(place: Place, repetitions: int, size: int) -> list[Figure]:
    """From the first request until every order's offer is in its members' inboxes, and nothing is left to do."""
    limit_is = "FastAPI, asyncpg and nats-py in three processes: the same facts, rows and commits, JSON untyped"
    figure = Figure("report → notification queued", "reports/s", size, goal=2000, limit_is=limit_is)
    for _ in range(repetitions):
        await _bare_chain(place, figure)
    await place.run(*EVERYBODY)
    db = await asyncpg.connect(place.street.database_url("notify"))
    for _ in range(repetitions):
        requests = reports(size, f"queued-{new_id().hex}")
        before, cpu, started = ids_from_now_on(), Cpu(place.processes), time.perf_counter()
        all_created(await load.run(place.port("incident"), requests, rate=None))
        seconds = await place.settled() - started
        figure.add(size / seconds, cpu.spent(size))
        offered = await db.fetchval(OFFERS, TENANT, before)
        if offered != size:
            raise ValueError(f"{offered} of {size} orders were offered")
    await db.close()
    return [figure]


async def _bare_chain(place: Place, figure: Figure) -> None:
    await place.only_servers(bare_chain.CONSUMED)
    urls = {service: await place.database(f"bench_bare_{service}") for service in bare_chain.CONSUMED}
    async with AsyncExitStack() as running:
        processes, port = dict(place.engines), 0
        for service, url in urls.items():
            environment = {"WANGGE_NATS_URL": place.nats_url, "WANGGE_BENCH_DATABASE_URL": url}
            log = place.folder / "log" / f"bare-{service}.log"
            listens = listening("tests.bench.bare_chain", service, log=log, **environment)
            found, process = await running.enter_async_context(listens)
            processes[f"bare {service}"] = process.pid
            port = found if service == "incident" else port
        db = await asyncpg.connect(urls["notify"])
        before = await db.fetchval("SELECT count(*) FROM heard")

        async def all_told() -> bool:
            return bool(await db.fetchval(TOLD) - before == 5 * figure.size)

        cpu, started = Cpu(processes), time.perf_counter()
        all_created(await load.run(port, reports(figure.size, f"bare-{new_id().hex}"), rate=None))
        await until(all_told, "the last bare notice")
        figure.limit.append(figure.size / (time.perf_counter() - started))
        for name, each in cpu.spent(figure.size).items():
            figure.more.setdefault(f"limit: {name}", []).append(each)
        await db.close()


async def whole_life(place: Place, repetitions: int, size: int) -> list[Figure]:
    """Report, claim, hand-in and check over HTTP by people who lose no time, until the points are posted.

    A new report comes when a case has been checked: so many are under way all the time, and no queue grows.
    """
    await place.run(*EVERYBODY)
    figure = Figure("whole life to points posted", "cases/s", size, goal=700)
    db = await asyncpg.connect(place.street.database_url("scoring"))
    for _ in range(repetitions):
        before, cpu, started = ids_from_now_on(), Cpu(place.processes), time.perf_counter()
        async with People(place, reports(size, f"life-{new_id().hex}")) as people:
            await people.all_checked()
        seconds = await place.settled() - started
        more = {"claims refused": float(people.refused), **cpu.spent(size)}
        scored = await db.fetchrow(SCORED, TENANT, before)
        assert scored is not None
        if scored["passed"] != size:
            raise ValueError(f"scoring knows {scored['passed']} of {size} checked orders")
        figure.add(size / seconds, {**more, "% of cases with points": 100 * scored["with_points"] / size})
    await db.close()
    return [figure]
