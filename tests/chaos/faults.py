"""What each kind of fault does: the part before the `yield` breaks something, the part after it heals that."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass

import psutil

from deploy.local.guard import EndedAtStart, Process
from tests.chaos.schedule import Planned
from tests.chaos.world import World


@dataclass
class Happened:
    """A fault as it was, in real time (seconds since 1970). `healed_at` is None for one that could not be healed."""

    planned: Planned
    begun_at: float
    healed_at: float | None = None
    trouble: str | None = None


@asynccontextmanager
async def killed(world: World, planned: Planned) -> AsyncIterator[None]:
    parts = [world.process(name) for name in planned.target]
    await _each(world, Process.kill, parts)
    yield
    await _each(world, Process.start, parts)


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
}


async def inflict(world: World, faults: Sequence[Planned]) -> list[Happened]:
    """Each at its time, and healed after its time. Two of the same guard never overlap, however long healing takes."""
    begun = time.monotonic()
    guards: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_inflict(world, each, begun, guards)) for each in faults]
    return [task.result() for task in tasks]


async def _inflict(world: World, planned: Planned, begun: float, guards: dict[str, asyncio.Lock]) -> Happened:
    await asyncio.sleep(begun + planned.at_seconds - time.monotonic())
    async with _held(guards, planned.guards):
        happened = Happened(planned, time.time())
        try:
            async with FAULTS[planned.kind](world, planned):
                await asyncio.sleep(planned.lasts_seconds)
            happened.healed_at = time.time()
        except (EndedAtStart, OSError, psutil.Error) as trouble:
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


async def _each(world: World, do: Callable[[Process], None], parts: Iterable[Process]) -> None:
    """To all of them at the same time, in threads: it takes seconds."""
    loop = asyncio.get_running_loop()
    await asyncio.gather(*(loop.run_in_executor(world.hands, do, part) for part in parts))


def _signal(processes: Iterable[psutil.Process], wanted: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(wanted)
