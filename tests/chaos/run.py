"""One run: the world, the load, the faults, and then rest and the invariants."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from deploy.local.reconciliation.check import Check
from deploy.local.system import Say
from tests.chaos import invariants, journal, standstill
from tests.chaos.drain import drain, lag_zero_at
from tests.chaos.faults import Happened, inflict, inflict_one_by_one
from tests.chaos.journal import Journal
from tests.chaos.load import load
from tests.chaos.recovery import recovery, waiting
from tests.chaos.report import Report
from tests.chaos.schedule import KINDS, Planned, one_of_each, schedule
from tests.chaos.standstill import Look
from tests.chaos.world import World, clear

DRAIN_SECONDS = 300.0


def run(folder: Path, seed: int, minutes: float | None, *, reports_a_second: float, say: Say) -> Report:
    """Starts everything in the folder, which is emptied first, and ends it again. Without `minutes` every kind of fault
    comes once, each when everything has caught up with the one before."""
    clear(folder)
    with World(folder, say=say) as world:
        return asyncio.run(_run(world, seed, minutes, reports_a_second, say))


async def _run(world: World, seed: int, minutes: float | None, reports_a_second: float, say: Say) -> Report:
    left_out = () if world.volumes else tuple(kind.name for kind in KINDS if "disk" in kind.name)
    if left_out:
        say(f"Left out, since volumes cannot be mounted here ({world.why_no_volumes}): {', '.join(left_out)}.")
    everything = one_of_each(seed) if minutes is None else schedule(seed, minutes)
    planned = [each for each in everything if each.kind not in left_out]
    during = "one by one" if minutes is None else f"in {minutes:g} minutes"
    say(f"Seed {seed}: {len(planned)} faults {during}, under load …")
    happened, caught_up_at, ended_at, looks = await _disturb(world, seed, minutes, reports_a_second, planned)
    say("All is healed. Waiting until nothing is under way …")
    left = await drain(world.local, DRAIN_SECONDS)
    checks = [
        *await invariants.check(world, world.journal),
        Check("nothing is under way any more", tuple(left)),
        Check(standstill.STATEMENT, tuple(standstill.silent(looks))),
        Check("everything came back after its fault", tuple(each.trouble for each in happened if each.trouble)),
    ]
    entries = journal.read(world.journal)
    taken_at = [entry.at.timestamp() for entry in entries if entry.taken]
    found = recovery(taken_at, waiting(entries), happened, ended_at, caught_up_at)
    return Report(seed, minutes, reports_a_second, happened, left_out, found, checks)


async def _disturb(
    world: World, seed: int, minutes: float | None, reports_a_second: float, planned: list[Planned]
) -> tuple[list[Happened], float | None, float, list[Look]]:
    """What happened; when all was published and consumed after the last healing; when the load was told to end; and
    how the work went meanwhile."""
    until = asyncio.Event()
    with Journal(world.journal) as written:
        async with asyncio.TaskGroup() as group:
            group.create_task(load(world, seed, until, written, reports_a_second))
            watching = group.create_task(standstill.watch(world, until))
            begun = time.monotonic()
            happened = await (inflict_one_by_one if minutes is None else inflict)(world, planned)
            catching_up = group.create_task(lag_zero_at(world.local, DRAIN_SECONDS))
            await asyncio.sleep(begun + (minutes or 0) * 60 - time.monotonic())
            until.set()
            ended_at = time.time()
    return happened, catching_up.result(), ended_at, watching.result()
