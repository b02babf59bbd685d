"""One run: the world, the load, the faults, and then rest and the invariants."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from pathlib import Path

from deploy.local import reports
from deploy.local.local_street import Say
from deploy.local.play import play
from deploy.local.progress import Tally
from deploy.local.reconcile import Check, reconcile
from tests.chaos.drain import drain
from tests.chaos.faults import inflict
from tests.chaos.recovery import recovery
from tests.chaos.report import Report
from tests.chaos.schedule import schedule
from tests.chaos.world import SPEED, World, clear

DRAIN_SECONDS = 300.0


def run(folder: Path, seed: int, minutes: float, *, say: Say) -> Report:
    """Starts everything in the folder, which is emptied first, and ends it again."""
    clear(folder)
    with World(folder, say=say) as world:
        if world.left_out:
            say(world.left_out)
        return asyncio.run(_run(world, seed, minutes, say))


async def _run(world: World, seed: int, minutes: float, say: Say) -> Report:
    count = int(minutes * 60 * 2)
    plans = reports.morning(world.street, count, seed)
    async with asyncio.TaskGroup() as group:
        playing = group.create_task(
            play(
                world.local,
                world.street,
                plans,
                lasts=timedelta(seconds=minutes * 60 * SPEED),
                tally=Tally(count),
                patience_seconds=120,
            )
        )
        planned = [each for each in schedule(seed, minutes) if world.volumes or "disk" not in each.kind]
        say(f"Seed {seed}: {len(planned)} faults in {minutes:g} minutes.")
        happened = await inflict(world, planned)
        healed_at = time.time()
    lag_zero_at, left = await drain(world.local, DRAIN_SECONDS)
    played = playing.result()
    checks = await reconcile(world.database_url, world.tenant, played.sent)
    checks.append(Check("nothing is under way any more", tuple(left)))
    checks.append(Check("nothing happened that must not happen", tuple(played.surprises)))
    checks.append(Check("everything came back after its fault", tuple(e.trouble for e in happened if e.trouble)))
    return Report(seed, minutes, happened, recovery([], happened, healed_at, lag_zero_at), checks)
