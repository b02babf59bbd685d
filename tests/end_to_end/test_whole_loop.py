"""From a report to points and notifications on four real processes, and what the reconciliation finds."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from deploy.local.linghe import street
from deploy.local.morning import patrols, planned_reports, scenarios
from deploy.local.morning.play import PlayedMorning, play_morning
from deploy.local.morning.progress import Tally
from deploy.local.reconciliation import check, databases, summary, timelines
from deploy.local.reconciliation.at_rest import wait_until_at_rest
from deploy.local.system import TENANT, LocalSystem, clock_that_shows
from tests.end_to_end.damage import PLANTED

REPORTS = 60
TIMES = 1
NOT_CLOSED = 3 * TIMES
"""One is voided, one merged, one taken back, each time that all scenarios are played."""
SPEED = 600.0
LASTS = timedelta(hours=2)


@dataclass(frozen=True)
class Morning:
    """A morning that is over, with its services stopped and its databases still there."""

    local: LocalSystem
    played: PlayedMorning
    tally: Tally
    left: list[str]
    ended: dict[str, int]

    async def checks(self, database_url: Callable[[str], str] | None = None) -> list[check.Check]:
        url = database_url or self.local.database_url
        _, of_day = await timelines.check_timelines(url, TENANT, self.played.sent, self.ended)
        return [*await databases.reconcile(url, TENANT, self.played.sent, self.played.visits), *of_day]


@pytest.fixture(scope="module")
def morning() -> Iterator[Morning]:
    clock = clock_that_shows(datetime(2026, 11, 23, 0, 0, tzinfo=UTC), datetime.now(UTC), SPEED)
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalSystem(Path(folder), durable=False, clock=clock, settings={"WANGGE_SWEEP_SECONDS": "0.1"}) as local,
    ):
        here, tally = street.build(), Tally(REPORTS)
        plans = scenarios.with_scenarios(planned_reports.plan_morning(here, REPORTS), here, TIMES)
        played = asyncio.run(play_morning(local, here, plans, lasts=LASTS, tally=tally))
        left = asyncio.run(wait_until_at_rest(local))
        ended = asyncio.run(summary.ended_by_level(local))
        for service in local.services.values():
            service.stop()
        yield Morning(local, played, tally, left, ended)


def test_every_report_comes_to_its_end_and_nothing_happens_that_must_not(morning: Morning) -> None:
    assert morning.played.surprises == []
    assert morning.left == []
    everything = REPORTS + patrols.FINDINGS
    assert {stage: len(cases) for stage, cases in morning.tally.cases.items()} == {
        **dict.fromkeys(("sent", "registered", "dispatched", "finished"), everything),
        **dict.fromkeys(("claimed", "handled", "closed"), everything - NOT_CLOSED),
    }


async def test_what_was_sent_and_what_is_stored_agree(morning: Morning) -> None:
    assert [check for check in await morning.checks() if not check.holds] == []


async def test_people_are_told_and_points_are_earned(morning: Morning) -> None:
    connection = await asyncpg.connect(morning.local.database_url("notify"))
    mails = await connection.fetchval("SELECT count(*) FROM deliveries WHERE channel = 'email' AND state = 'delivered'")
    await connection.close()
    assert mails == morning.local.mail.count > REPORTS
    assert morning.tally.points > 0


@pytest.mark.parametrize(("service", "damage", "statement"), PLANTED.values(), ids=PLANTED)
async def test_damage_done_to_a_database_is_found_by_the_reconciliation(
    morning: Morning, service: str, damage: str, statement: str
) -> None:
    url = await copy_of(morning.local, service)
    connection = await asyncpg.connect(url)
    # Else what is only appended to would refuse it.
    await connection.execute("SET session_replication_role = replica")
    ran = await connection.execute(damage)
    # Of a case that nobody claims for long there may be several warnings, and one is enough to have been warned.
    assert ran.endswith(" 1") or (statement == "deadlines were told when they were over" and not ran.endswith(" 0"))
    await connection.close()
    checks = await morning.checks(lambda name: url if name == service else morning.local.database_url(name))
    assert any(statement in check.statement for check in checks if not check.holds)


async def test_reconciliation_finds_levels_that_are_counted_wrong(morning: Morning) -> None:
    wrong = replace(morning, ended={**morning.ended, "street": morning.ended["street"] + 1})
    [broken] = [check for check in await wrong.checks() if not check.holds]
    assert "ended at the level that their timelines tell" in broken.statement


async def copy_of(local: LocalSystem, service: str) -> str:
    """Damage is done to a copy, so that the tests do not see one another's."""
    address = local.database_url(service)
    name = f"{address.rpartition('/')[2]}_damaged"
    admin = await asyncpg.connect(address.rpartition("/")[0] + "/postgres")
    await admin.execute(f'DROP DATABASE IF EXISTS "{name}"')
    await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{address.rpartition("/")[2]}"')
    await admin.close()
    return address.rpartition("/")[0] + "/" + name
