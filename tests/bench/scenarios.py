"""The four scenarios: consumer hop, HTTP intake, report to queued notification, and idle memory."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import nats
import psutil
from nats.js.errors import NotFoundError

from deploy.local.guard import Process, spawn_guarded
from deploy.local.local_street import LocalStreet
from deploy.local.servers import Servers
from deploy.local.trouble import free_port
from libs.chassis import topology
from libs.chassis.testing import fresh_streams
from libs.contracts import cloudevents
from libs.contracts.incident import CaseRegistered
from tests.bench import bare, load
from tests.bench.measure import Cpu, Figure
from tests.service import probe

TENANT = "370784004"
PATIENCE_SECONDS = 120.0


async def publish_cases(nats_url: str, count: int) -> None:
    """Fill the stream that the hop reads from."""
    connection = await nats.connect(nats_url)
    js = connection.jetstream()
    for _ in range(0, count, 500):
        envelopes = [cloudevents.encode(probe.registered()) for _ in range(500)]
        acks = [await js.publish_async(e.subject, e.body, headers=e.headers) for e in envelopes]
        await asyncio.gather(*acks)
    await connection.close()


async def fresh_consumer(nats_url: str) -> None:
    connection = await nats.connect(nats_url)
    js = connection.jetstream()
    with suppress(NotFoundError):
        await js.delete_consumer("INCIDENT", "scoring")
    await connection.close()
    await topology.apply(nats_url, {"scoring": [CaseRegistered]}, service_replicas=1)


@contextmanager
def process(module: str, *arguments: str, log: Path, **environment: str) -> Iterator[Process]:
    running = spawn_guarded(
        [sys.executable, "-m", module, *arguments],
        cwd=Path.cwd(),
        env={**os.environ, **environment},
        log=log,
        stop_signal=signal.SIGTERM,
    )
    try:
        yield running
    finally:
        running.stop()


async def until(reached: Callable[[], Awaitable[bool]], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not await reached():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen in {PATIENCE_SECONDS:.0f} s")
        await asyncio.sleep(0.02)


async def consumer_hop(servers: Servers, repetitions: int, count: int) -> Figure:
    """Events a second through pull, inbox, one row, one fact, commit, ack and publication, and the same bare."""
    nats_url = servers.addresses.nats_url
    await fresh_streams(nats_url, {})
    await publish_cases(nats_url, count)
    figure = Figure("consumer hop", "events/s", [], goal=6000)
    for _ in range(repetitions):
        await fresh_consumer(nats_url)
        figure.limit.append(await bare.hop(nats_url, await probe.database(servers, "bench_bare"), count))
        url = await probe.database(servers, "bench_hop")
        await fresh_consumer(nats_url)
        figure.values.append(await _hop_once(servers, url, count, figure))
    return figure


async def _hop_once(servers: Servers, url: str, count: int, figure: Figure) -> float:
    db = await asyncpg.connect(url)
    environment = {
        "WANGGE_NATS_URL": servers.addresses.nats_url,
        "WANGGE_BENCH_DATABASE_URL": url,
        "WANGGE_HTTP_PORT": str(free_port()),
    }

    async def sent() -> int:
        return int(await db.fetchval("SELECT count(*) FROM outbox WHERE sent_at IS NOT NULL"))

    with process("tests.bench.hop_service", log=Path(".wangge/bench/hop.log"), **environment) as service:

        async def begun() -> bool:
            return await sent() > 0

        async def done() -> bool:
            return await sent() >= count

        await until(begun, "the first event")
        before, started = await sent(), time.perf_counter()
        cpu = Cpu({"service": service.pid, "PostgreSQL": servers.postgres.pid, "NATS": servers.nats.pid})
        await until(done, "the last event")
        rate = (count - before) / (time.perf_counter() - started)
        figure.more = cpu.microseconds_per(count - before)
    await db.close()
    return rate


def reports(count: int, run: str) -> list[bytes]:
    """Reports that differ in their key, at points all over the street."""
    made = []
    for n in range(count):
        body = {
            "tenant": TENANT,
            "category": "11001",
            "text": f"路灯不亮，第 {n} 盏",
            "place": {"point": {"longitude": 119.01 + (n % 97) * 0.0018, "latitude": 36.27 + (n % 89) * 0.0018}},
        }
        data = json.dumps(body, ensure_ascii=False).encode()
        made.append(load.post("/v1/reports", data, {"Idempotency-Key": f"{run}-{n}"}))
    return made


async def http_intake(street: LocalStreet, repetitions: int, count: int) -> list[Figure]:
    """Durable 201 a second of the incident service alone, and the latency at half of that load."""
    for other in ("dispatch", "scoring", "notify"):
        street.services[other].stop()
    port, bare_port = street.services["incident"].port, free_port()
    intake = Figure("HTTP intake, durable 201", "/s", [], goal=3000)
    latency = Figure("HTTP intake, p99 at half load", "ms", [], goal=30, less_is_better=True)
    street.servers.create_database("bench_bare_intake")
    url = street.database_url("x").rpartition("/")[0] + "/bench_bare_intake"
    log = Path(".wangge/bench/bare.log")
    with process("tests.bench.bare", str(bare_port), log=log, WANGGE_BENCH_DATABASE_URL=url):
        await until(lambda: _listens(bare_port), "the bare server")
        for n in range(repetitions):
            outcome = await load.run(bare_port, reports(count, f"bare-{n}"), rate=None)
            intake.limit.append(_all_created(outcome).rate)
    processes = {
        "service": street.services["incident"].pid,
        "PostgreSQL": street.servers.postgres.pid,
        "NATS": street.servers.nats.pid,
    }
    for n in range(repetitions):
        cpu = Cpu(processes)
        intake.values.append(_all_created(await load.run(port, reports(count, f"full-{n}"), rate=None)).rate)
        intake.more = cpu.microseconds_per(count)
        half = intake.values[-1] / 2
        outcome = _all_created(await load.run(port, reports(count // 2, f"half-{n}"), rate=half))
        latency.values.append(outcome.percentile(0.99) * 1000)
        latency.more = {"p50 ms": outcome.percentile(0.5) * 1000, "rate /s": half}
    for other in ("dispatch", "scoring", "notify"):
        street.services[other].start()
    return [intake, latency]


def _all_created(outcome: load.Outcome) -> load.Outcome:
    if set(outcome.statuses) != {201}:
        raise ValueError(f"not every report was taken: {outcome.statuses}")
    return outcome


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def report_to_notification(street: LocalStreet, repetitions: int, count: int) -> Figure:
    """Reports a second, from the first request until every order's offer is in its members' inboxes."""
    figure = Figure("report → notification queued", "reports/s", [], goal=2000)
    db = await asyncpg.connect(street.database_url("notify"))
    processes = {name: service.pid for name, service in street.services.items()}
    processes |= {"PostgreSQL": street.servers.postgres.pid, "NATS": street.servers.nats.pid}

    async def offered() -> int:
        return int(await db.fetchval(OFFERS))

    for n in range(repetitions):
        before, cpu, started = await offered(), Cpu(processes), time.perf_counter()

        async def all_told(before: int = before) -> bool:
            return await offered() - before >= count

        _all_created(await load.run(street.services["incident"].port, reports(count, f"whole-{n}"), rate=None))
        await until(all_told, "the last notification")
        figure.values.append(count / (time.perf_counter() - started))
        figure.more = cpu.microseconds_per(count)
    await db.close()
    return figure


OFFERS = "SELECT count(*) FROM notices WHERE template = 'offered'"


def idle_memory(street: LocalStreet) -> Figure:
    """Resident memory of the four services with the street loaded, before any load."""
    sizes = {
        f"{name} MiB": psutil.Process(service.pid).memory_info().rss / 2**20
        for name, service in street.services.items()
    }
    return Figure("idle services together", "MiB", [sum(sizes.values())], 450, more=sizes, less_is_better=True)
