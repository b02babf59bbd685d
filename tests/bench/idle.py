"""Start-up: from the process to its readiness; and the memory of the services that have nothing to do."""

from __future__ import annotations

import time

from libs.chassis.db.ids import new_id
from tests.bench import load
from tests.bench.life import EVERYBODY
from tests.bench.measure import Figure, memory_mib
from tests.bench.place import Place, all_created, listening, reports

LIMIT_IS = "FastAPI, asyncpg and uvicorn alone"


async def idle_services(place: Place, repetitions: int, size: int) -> list[Figure]:
    """One after the other is started. `size` reports load the street before memory is read."""
    start = Figure("start-up until ready, slowest service", "s", 1, 1.2, less_is_better=True, limit_is=LIMIT_IS)
    memory = Figure("idle services together", "MiB", len(EVERYBODY), 450, less_is_better=True)
    memory.limit_is = f"{LIMIT_IS}, as many times"
    log = place.folder / "log" / "bare.log"
    await place.run(*EVERYBODY)
    for _ in range(repetitions):
        await place.run()
        started = time.perf_counter()
        async with listening("tests.bench.bare_intake", log=log, WANGGE_BENCH_DATABASE_URL="") as (_, bare):
            start.limit.append(time.perf_counter() - started)
            memory.limit.append(len(EVERYBODY) * memory_mib(bare.pid))
        seconds = {}
        for name in EVERYBODY:
            started = time.perf_counter()
            await place.go_on(name)
            seconds[f"{name} s"] = time.perf_counter() - started
        start.add(max(seconds.values()), seconds)
        requests = reports(size, f"idle-{new_id().hex}")
        all_created(await load.run(place.port("incident"), requests, rate=None, count=1))
        await place.settled()
        sizes = {f"{name} MiB": memory_mib(place.processes[name]) for name in EVERYBODY}
        memory.add(sum(sizes.values()), sizes)
    return [start, memory]
