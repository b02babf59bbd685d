"""kill -9 of every part in the middle of its work; afterwards nothing is lost, nothing is there twice."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from deploy.local import reconcile, reports, street
from deploy.local.at_rest import wait_until_at_rest
from deploy.local.guard import Process
from deploy.local.local_street import TENANT, LocalStreet, clock_that_shows
from deploy.local.play import play
from deploy.local.progress import Tally

REPORTS = 120
SPEED = 720.0
LASTS = timedelta(hours=3)
DOWN_SECONDS = (0.1, 1.0)
BETWEEN_SECONDS = (0.3, 1.0)


async def kill_in_turn(local: LocalStreet, rng: Random, killed: list[str]) -> None:
    """Every service, NATS and PostgreSQL, each killed and started again, in an order that the seed decides."""
    parts: dict[str, Process] = {
        **local.services,
        "NATS": local.servers.nats,
        "PostgreSQL": local.servers.postgres,
    }
    for name in rng.sample(sorted(parts), len(parts)):
        await asyncio.sleep(rng.uniform(*BETWEEN_SECONDS))
        await asyncio.to_thread(parts[name].kill)
        await asyncio.sleep(rng.uniform(*DOWN_SECONDS))
        await asyncio.to_thread(parts[name].start)
        killed.append(name)


async def disturbed_morning(local: LocalStreet, rng: Random) -> list[str]:
    """Plays while everything is killed in turn; whatever does not hold when all is at rest."""
    killed: list[str] = []
    here = street.build()
    async with asyncio.TaskGroup() as group:
        group.create_task(kill_in_turn(local, rng, killed))
        playing = group.create_task(
            play(
                local,
                here,
                reports.morning(here, REPORTS),
                lasts=LASTS,
                tally=Tally(REPORTS),
                patience_seconds=90,
            )
        )
    left = await wait_until_at_rest(local, patience_seconds=240)
    played = playing.result()
    checks = await reconcile.reconcile(local.database_url, TENANT, played.sent)
    assert len(killed) == 6
    assert len(played.sent) == REPORTS
    return left + played.surprises + [c for check in checks for c in check.contradictions]


@pytest.mark.parametrize("seed", [1, 2])
def test_every_part_is_killed_in_the_middle_of_a_morning_and_all_adds_up(seed: int) -> None:
    clock = clock_that_shows(datetime(2026, 11, 23, 0, 0, tzinfo=UTC), datetime.now(UTC), SPEED)
    settings = {"WANGGE_SWEEP_SECONDS": "0.1"}
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalStreet(Path(folder), clock=clock, settings=settings) as local,
    ):
        wrong = asyncio.run(disturbed_morning(local, Random(seed)))
    assert not wrong, "\n".join(wrong)
