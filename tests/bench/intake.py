"""HTTP intake: durable answers a second of the incident service alone, and the latency of an open loop."""

from __future__ import annotations

from libs.chassis.db.ids import new_id
from tests.bench import load
from tests.bench.measure import Cpu, Figure
from tests.bench.place import Place, all_created, all_sent, listening, reports

SHARES = (0.25, 0.5, 0.75, 0.9)
"""Of the rate that was measured as the most, in the same repetition."""
TIMES_LIMIT = {0.75: 3.0}
PERCENTILES = {"p50 ms": 0.5, "p99.9 ms": 0.999}
CONTACT = {"email": "zhang@mail.example", "language": "zh"}
"""Every other report has it, to be sealed."""
LIMIT_IS = "FastAPI, asyncpg and nats-py: the same rows, facts, commits and seals, JSON untyped"
PUBLISHING_NOTHING = "of FastAPI and asyncpg that publish nothing /s"


async def http_intake(place: Place, repetitions: int, size: int) -> list[Figure]:
    """`size` requests as fast as they are answered; the open loops last as long as that at their share of the rate.

    Nobody hears the facts. A load begins when those of the one before are published.
    """
    await place.run("incident")
    most = Figure("HTTP intake, durable 201", "/s", size, limit_is=LIMIT_IS, times_limit=0.75)
    late = {share: _late(share, size) for share in SHARES}
    own = place.street.database_url("incident")
    bare_url, alone_url = await place.database("bench_bare_intake"), await place.database("bench_bare_intake_alone")
    log, nats = place.folder / "log" / "bare.log", {"WANGGE_NATS_URL": place.nats_url}
    async with (
        listening(
            "tests.bench.bare_chain", "intake", "incident", log=log, WANGGE_BENCH_DATABASE_URL=bare_url, **nats
        ) as (bare_port, bare),
        listening("tests.bench.bare_intake", log=log, WANGGE_BENCH_DATABASE_URL=alone_url) as (alone_port, _),
    ):
        processes = {"bare incident": bare.pid, **place.engines}
        for _ in range(repetitions):
            port, run = place.port("incident"), new_id().hex
            alone = await _load(alone_port, size, f"alone-{run}", None)
            cpu = Cpu(processes)
            outcome = await _load(bare_port, size, f"bare-{run}", None)
            await all_sent(bare_url)
            most.add_limit(outcome.rate, {PUBLISHING_NOTHING: alone.rate, **cpu.spent(size)})
            cpu = Cpu(place.processes)
            outcome = await _load(port, size, f"full-{run}", None)
            await all_sent(own)
            most.add(outcome.rate, cpu.spent(size))
            for share, figure in late.items():
                rate = most.values[-1] * share
                outcome = await _load(bare_port, figure.size, f"bare-{share}-{run}", rate)
                await all_sent(bare_url)
                figure.add_limit(outcome.milliseconds(0.99), _more(outcome))
                cpu = Cpu(place.processes)
                outcome = await _load(port, figure.size, f"full-{share}-{run}", rate)
                await all_sent(own)
                figure.add(outcome.milliseconds(0.99), {"rate /s": rate, **_more(outcome), **cpu.spent(figure.size)})
    await place.forget_streams()
    return [most, *late.values()]


def _late(share: float, size: int) -> Figure:
    name = f"HTTP intake, p99 at {share:.0%} of that"
    times_limit = TIMES_LIMIT.get(share)
    return Figure(name, "ms", int(size * share), less_is_better=True, limit_is=LIMIT_IS, times_limit=times_limit)


async def _load(port: int, count: int, run: str, rate: float | None) -> load.Outcome:
    pairs = zip(reports(count, run), reports(count, run, contact=CONTACT), strict=True)
    requests = [pair[n % 2] for n, pair in enumerate(pairs)]
    return all_created(await load.run(port, requests, rate=rate))


def _more(outcome: load.Outcome) -> dict[str, float]:
    late = {"load late at most ms": outcome.late_seconds * 1000}
    return {**{name: outcome.milliseconds(share) for name, share in PERCENTILES.items()}, **late}
