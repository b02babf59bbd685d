"""What each kind of fault does: the part before the `yield` breaks something, the part after it heals that."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass

import asyncpg
import psutil
from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError

from deploy.local.servers.guarded_process import EndedAtStart, Process
from deploy.local.servers.nats_server import Nats
from libs.chassis.db.database import CONNECTION_ERRORS
from tests.chaos import forgetting
from tests.chaos.drain import caught_up_at
from tests.chaos.next_version import NEXT, migrate_to_the_next_version
from tests.chaos.parts import POSTGRES, service_of
from tests.chaos.provider import MOODS, WELL
from tests.chaos.schedule import Planned
from tests.chaos.world import World

PROBE_SECONDS, PROBES = 1.0, 4
STARTS = 5
PATIENCE_SECONDS = 120.0
USUAL_SECONDS = 5.0
"""Of work without any fault, before each that comes by itself."""

TROUBLES = (
    EndedAtStart,
    *CONNECTION_ERRORS,
    psutil.Error,
    NatsError,
    JetStreamError,
    asyncpg.PostgresError,
)


@dataclass
class Happened:
    """A fault as it was, in real time (seconds since 1970). `healed_at` is None for one that could not be healed;
    `caught_up_at` is known of faults that come one by one."""

    planned: Planned
    begun_at: float
    healed_at: float | None = None
    caught_up_at: float | None = None
    trouble: str | None = None


@asynccontextmanager
async def killed(world: World, planned: Planned) -> AsyncIterator[None]:
    parts = [world.process(name) for name in planned.target]
    await world.each(Process.kill, parts)
    yield
    await world.each(Process.start, parts)


@asynccontextmanager
async def stopped(world: World, planned: Planned) -> AsyncIterator[None]:
    """The process and its children stand still, and their connections stay."""
    found = psutil.Process(world.process(planned.target[0]).pid)
    everything = [found, *found.children(recursive=True)]
    _signal(everything, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(everything, signal.SIGCONT)


@asynccontextmanager
async def cut_off(world: World, planned: Planned) -> AsyncIterator[None]:
    """Neither clients nor other nodes reach the node; nobody is told."""
    links = world.links(planned.target[0])
    world.proxy.hold(links)
    yield
    world.proxy.release(links)


@asynccontextmanager
async def slow(world: World, planned: Planned) -> AsyncIterator[None]:
    links = world.links(*planned.target)
    world.proxy.slow(links, planned.strength)
    yield
    world.proxy.slow(links, 0)


@asynccontextmanager
async def stalled(world: World, planned: Planned) -> AsyncIterator[None]:
    links = world.links(*planned.target)
    world.proxy.hold(links)
    yield
    world.proxy.release(links)


@asynccontextmanager
async def reset(world: World, planned: Planned) -> AsyncIterator[None]:
    world.proxy.reset(world.links(*planned.target))
    yield


@asynccontextmanager
async def nats_disk_full(world: World, planned: Planned) -> AsyncIterator[None]:
    """A node that finds no room gives JetStream up until it is started again, as the probe of a deployment does."""
    for part in planned.target:
        world.volumes[part].fill()
    yield
    for part in planned.target:
        world.volumes[part].relieve()
    nodes = [world.node(part) for part in planned.target]
    for _ in range(PROBES):
        await asyncio.sleep(PROBE_SECONDS)
        serving = await world.each(Nats.serves, nodes)
        given_up = [node for node, serves in zip(nodes, serving, strict=True) if not serves]
        await world.each(Process.stop, given_up)
        await world.each(Process.start, given_up)


@asynccontextmanager
async def postgres_disk_full(world: World, planned: Planned) -> AsyncIterator[None]:
    """PostgreSQL ends itself when its log finds no room, and then is started again."""
    world.volumes[POSTGRES].fill()
    yield
    world.volumes[POSTGRES].relieve()
    await world.each(_start_persistently, [world.process(POSTGRES)])


@asynccontextmanager
async def clock_wrong(world: World, planned: Planned) -> AsyncIterator[None]:
    clock = world.clock_file(planned.target[0])
    clock.write_text(str(planned.strength))
    yield
    clock.write_text("0")


@asynccontextmanager
async def provider_moody(world: World, planned: Planned) -> AsyncIterator[None]:
    world.provider.put_in(planned.kind.rpartition(" ")[2])
    yield
    world.provider.put_in(WELL)


@asynccontextmanager
async def restarted_in_turn(world: World, planned: Planned) -> AsyncIterator[None]:
    """As a deployment does it: the next process of the service is asked to end when the last one is ready again."""
    for part in planned.target:
        await world.each(Process.stop, [world.process(part)])
        await world.each(Process.start, [world.process(part)])
    yield


@asynccontextmanager
async def next_version(world: World, planned: Planned) -> AsyncIterator[None]:
    """One of two processes runs the next version, on a schema that has grown, and then the old one again."""
    part = planned.target[0]
    replica = world.process(part)
    old = replica.command
    await migrate_to_the_next_version(world.database_url(service_of(part)), service_of(part))
    for command in ([*old, NEXT], old):
        await world.each(Process.stop, [replica])
        replica.command = command
        await world.each(Process.start, [replica])
        if command is not old:
            yield


FAULTS: dict[str, Callable[[World, Planned], AbstractAsyncContextManager[None]]] = {
    "service killed": killed,
    "service stopped": stopped,
    "NATS node killed": killed,
    "NATS node stopped": stopped,
    "NATS node cut off": cut_off,
    "NATS cluster killed": killed,
    "PostgreSQL killed": killed,
    "PostgreSQL stopped": stopped,
    "wire slow": slow,
    "wire stalled, then reset": stalled,
    "wire reset": reset,
    "NATS node's disk full": nats_disk_full,
    "disk of every NATS node full": nats_disk_full,
    "PostgreSQL's disk full": postgres_disk_full,
    "clock wrong": clock_wrong,
    **{f"provider says {mood}": provider_moody for mood in MOODS},
    "rolling restart": restarted_in_turn,
    "next version beside the old": next_version,
    "consumer deleted": forgetting.consumer_deleted,
    "stream deleted": forgetting.stream_deleted,
    "stream purged": forgetting.stream_purged,
    "store wiped": forgetting.store_wiped,
    "store put back to an older copy": forgetting.store_put_back,
    "table locked": forgetting.table_locked,
    "rows locked": forgetting.rows_locked,
    "PostgreSQL read-only": forgetting.read_only,
    "connections used up": forgetting.connections_used_up,
    "all backends terminated": forgetting.backends_terminated,
}


async def inflict(world: World, faults: Sequence[Planned]) -> list[Happened]:
    """Each at its time, and healed after its time. Two of the same guard never overlap, however long healing takes."""
    begun = time.monotonic()
    guards: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_inflict(world, each, begun, guards)) for each in faults]
    return [task.result() for task in tasks]


async def inflict_one_by_one(world: World, faults: Sequence[Planned]) -> list[Happened]:
    """Each when everything is published and consumed after the one before."""
    done = []
    for each in faults:
        await asyncio.sleep(USUAL_SECONDS)
        happened = await _inflict(world, each, time.monotonic(), defaultdict(asyncio.Lock))
        happened.caught_up_at = await caught_up_at(world.local, PATIENCE_SECONDS)
        done.append(happened)
    return done


async def _inflict(world: World, planned: Planned, begun: float, guards: dict[str, asyncio.Lock]) -> Happened:
    await asyncio.sleep(begun + planned.at_seconds - time.monotonic())
    async with _held(guards, planned.guards):
        happened = Happened(planned, time.time())
        try:
            async with FAULTS[planned.kind](world, planned):
                await asyncio.sleep(planned.lasts_seconds)
            happened.healed_at = time.time()
        except TROUBLES as trouble:
            happened.trouble = f"{type(trouble).__name__}: {str(trouble)[-500:]}"
    return happened


@asynccontextmanager
async def _held(guards: dict[str, asyncio.Lock], names: Iterable[str]) -> AsyncIterator[None]:
    held: list[asyncio.Lock] = []
    try:
        for name in sorted(names):
            await guards[name].acquire()
            held.append(guards[name])
        yield
    finally:
        for each in held:
            each.release()


def _start_persistently(process: Process) -> None:
    """What ends itself on its way up, as PostgreSQL does that found its disk full, is started again."""
    for _ in range(STARTS - 1):
        with suppress(EndedAtStart):
            process.start()
            return
    process.start()


def _signal(processes: Iterable[psutil.Process], wanted: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(wanted)
