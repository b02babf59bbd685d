"""From a report to points and notifications on four real processes, and what the reconciliation finds."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from deploy.local import patrols, reconcile, reports, street
from deploy.local.at_rest import wait_until_at_rest
from deploy.local.local_street import TENANT, LocalStreet, clock_that_shows
from deploy.local.play import Played, play
from deploy.local.progress import Tally

REPORTS = 60
SPEED = 600.0
LASTS = timedelta(hours=2)


@dataclass(frozen=True)
class Morning:
    """A morning that is over, with its services stopped and its databases still there."""

    local: LocalStreet
    played: Played
    tally: Tally
    left: list[str]

    async def checks(self, database_url: Callable[[str], str] | None = None) -> list[reconcile.Check]:
        url = database_url or self.local.database_url
        return await reconcile.reconcile(url, TENANT, self.played.sent, self.played.visits)


@pytest.fixture(scope="module")
def morning() -> Iterator[Morning]:
    clock = clock_that_shows(datetime(2026, 11, 23, 0, 0, tzinfo=UTC), datetime.now(UTC), SPEED)
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalStreet(Path(folder), durable=False, clock=clock, settings={"WANGGE_SWEEP_SECONDS": "0.1"}) as local,
    ):
        here, tally = street.build(), Tally(REPORTS)
        played = asyncio.run(play(local, here, reports.morning(here, REPORTS), lasts=LASTS, tally=tally))
        left = asyncio.run(wait_until_at_rest(local))
        for service in local.services.values():
            service.stop()
        yield Morning(local, played, tally, left)


def test_every_report_comes_to_its_end_and_nothing_happens_that_must_not(morning: Morning) -> None:
    assert morning.played.surprises == []
    assert morning.left == []
    assert {stage: len(cases) for stage, cases in morning.tally.cases.items()} == dict.fromkeys(
        morning.tally.cases, REPORTS + patrols.FINDINGS
    )


async def test_what_was_sent_and_what_is_stored_agree(morning: Morning) -> None:
    assert [check for check in await morning.checks() if not check.holds] == []


def test_people_are_told_and_points_are_earned(morning: Morning) -> None:
    assert morning.tally.points > 0
    assert morning.tally.notifications["email"] == morning.local.mail.count > REPORTS


PLANTED = {
    "an order that is gone": (
        "dispatch",
        "DELETE FROM orders WHERE order_id = (SELECT min(order_id::text)::uuid FROM orders)",
        "registered cases have one order for each time they were opened",
    ),
    "a case that is gone": (
        "incident",
        "DELETE FROM cases WHERE case_id = (SELECT min(case_id::text)::uuid FROM cases)",
        "reports were sent, and each is exactly one case",
    ),
    "a case that was never closed": (
        "incident",
        "UPDATE cases SET state = 'resolved' WHERE case_id = (SELECT min(case_id::text)::uuid FROM cases)",
        "case and order tell the same",
    ),
    "a visited unit that counts as missed": (
        "dispatch",
        "UPDATE patrol_tasks SET state = 'missed' WHERE unit = (SELECT min(unit) FROM patrol_tasks "
        "WHERE state = 'visited')",
        "patrol tasks were planned",
    ),
    "a finding without its case": (
        "dispatch",
        "UPDATE findings SET case_id = gen_random_uuid() WHERE finding_id = (SELECT min(finding_id::text)::uuid "
        "FROM findings)",
        "findings have one case each",
    ),
    "an open order that nobody has": (
        "dispatch",
        "UPDATE members SET open_orders = open_orders + 1 WHERE member_id = 'M0001'",
        "open orders are counted right",
    ),
    "a point from nowhere": (
        "scoring",
        "UPDATE accounts SET balance = balance + 1 WHERE ctid = (SELECT min(ctid) FROM accounts)",
        "balances are what their postings add up to",
    ),
    "an order that scoring never heard of": (
        "scoring",
        "DELETE FROM orders WHERE order_id = (SELECT min(order_id::text)::uuid FROM orders)",
        "orders that were checked, and no others",
    ),
    "a notification that waits for ever": (
        "notify",
        "UPDATE deliveries SET state = 'queued', due_at = now(), ended_at = NULL WHERE delivery_id = "
        "(SELECT min(delivery_id::text)::uuid FROM deliveries WHERE channel = 'email' AND state = 'delivered')",
        "notifications has ended",
    ),
    "a fact that was not published": (
        "incident",
        "UPDATE outbox SET sent_at = NULL WHERE position = (SELECT max(position) FROM outbox)",
        "every fact was published",
    ),
    "a dead letter": (
        "notify",
        "INSERT INTO retries (id, subject, headers, body, attempts, reason, parked_at) "
        "VALUES (gen_random_uuid(), 'wangge.370784004.incident.closed.v1', '{}', '', 4, 'planted', now())",
        "no message is parked",
    ),
}


@pytest.mark.parametrize(("service", "damage", "statement"), PLANTED.values(), ids=PLANTED)
async def test_reconciliation_finds(morning: Morning, service: str, damage: str, statement: str) -> None:
    url = await copy_of(morning.local, service)
    connection = await asyncpg.connect(url)
    assert (await connection.execute(damage)).endswith(" 1")
    await connection.close()
    checks = await morning.checks(lambda name: url if name == service else morning.local.database_url(name))
    assert any(statement in check.statement for check in checks if not check.holds)


async def copy_of(local: LocalStreet, service: str) -> str:
    """Damage is done to a copy, so that the tests do not see one another's."""
    address = local.database_url(service)
    name = f"{address.rpartition('/')[2]}_damaged"
    admin = await asyncpg.connect(address.rpartition("/")[0] + "/postgres")
    await admin.execute(f'DROP DATABASE IF EXISTS "{name}"')
    await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{address.rpartition("/")[2]}"')
    await admin.close()
    return address.rpartition("/")[0] + "/" + name
