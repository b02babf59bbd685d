"""HTTP intake: durable answers a second of the incident service alone, and the latency of an open loop."""

from __future__ import annotations

from libs.chassis.db.ids import new_id
from tests.bench import load
from tests.bench.measure import Cpu, Figure
from tests.bench.place import Place, all_created, listening, reports

SHARES = (0.25, 0.5, 0.75, 0.9)
"""Of the rate that was measured as the most, in the same repetition."""
GOALS = {0.5: 30.0}
PERCENTILES = {"p50 ms": 0.5, "p99.9 ms": 0.999}
LIMIT_IS = "FastAPI and asyncpg with grouped commits, one row, no validation, no facts"


async def http_intake(place: Place, repetitions: int, size: int) -> list[Figure]:
    """`size` requests as fast as they are answered; the open loops last as long as that at their share of the rate."""
    await place.run("incident")
    most = Figure("HTTP intake, durable 201", "/s", size, goal=3000, limit_is=LIMIT_IS)
    late = {
        share: Figure(
            f"HTTP intake, p99 at {share:.0%} of that", "ms", int(size * share), GOALS.get(share), True, LIMIT_IS
        )
        for share in SHARES
    }
    place.servers.create_database("bench_bare_intake")
    url = place.street.database_url("x").rpartition("/")[0] + "/bench_bare_intake"
    log = place.folder / "log" / "bare.log"
    async with listening("tests.bench.bare_intake", log=log, WANGGE_BENCH_DATABASE_URL=url) as (bare_port, _):
        for _ in range(repetitions):
            port, run = place.port("incident"), new_id().hex
            most.limit.append((await _load(bare_port, size, f"bare-{run}", None)).rate)
            cpu = Cpu(place.processes)
            most.add((await _load(port, size, f"full-{run}", None)).rate, cpu.spent(size))
            for share, figure in late.items():
                rate = most.values[-1] * share
                bare = await _load(bare_port, figure.size, f"bare-{share}-{run}", rate)
                figure.limit.append(bare.milliseconds(0.99))
                cpu = Cpu(place.processes)
                outcome = await _load(port, figure.size, f"full-{share}-{run}", rate)
                figure.add(outcome.milliseconds(0.99), {"rate /s": rate, **_more(outcome), **cpu.spent(figure.size)})
    return [most, *late.values()]


async def _load(port: int, count: int, run: str, rate: float | None) -> load.Outcome:
    return all_created(await load.run(port, reports(count, run), rate=rate))


def _more(outcome: load.Outcome) -> dict[str, float]:
    late = {"load late at most ms": outcome.late_seconds * 1000}
    return {**{name: outcome.milliseconds(share) for name, share in PERCENTILES.items()}, **late}
