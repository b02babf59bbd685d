"""The ledger in the database: append-only, in balance, and right with several replicas."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta

import pytest
from asyncpg import PostgresError
from sqlalchemy import text

from libs.chassis.db.database import is_outage
from libs.chassis.db.ids import new_id
from libs.contracts import cloudevents
from libs.contracts.message import Event
from services.scoring import app
from services.scoring.ledger import tables as ledger_tables
from tests.support.scoring import ONE_CHECK, TENANT, balances, checked, evaluated, reopened, retried, staffed
from tests.support.stage import NOON, MakeStage, Stage, on_stage, stamped


@pytest.fixture
async def scoring(stage: MakeStage) -> Stage:
    return await staffed(stage)


CHANGES = (
    "UPDATE transactions SET points = 1000",
    "DELETE FROM transactions",
    "TRUNCATE transactions, postings",
    "UPDATE postings SET amount = amount + 1",
    "DELETE FROM postings",
)


async def test_what_is_posted_can_be_neither_changed_nor_deleted(scoring: Stage) -> None:
    await scoring.hear(checked())
    for change in CHANGES:
        with pytest.raises(PostgresError, match="append-only"):
            async with scoring.database() as db:
                await db.execute(text(change))
    assert await balances(scoring) == ONE_CHECK


async def test_postings_that_do_not_add_up_are_refused(scoring: Stage) -> None:
    await scoring.hear(checked())
    with pytest.raises(PostgresError, match="must add up to zero"):
        async with scoring.database() as db:
            await db.execute(
                text(
                    """
                    INSERT INTO postings (transaction_id, tenant, account, dimension, amount)
                    SELECT id, tenant, 'member:M5', dimension, 3 FROM transactions LIMIT 1
                    """
                )
            )


async def test_only_rules_members_and_organisations_can_have_an_account(scoring: Stage) -> None:
    for account in ("resident:1", "member:", "M1", f"reporter:{new_id()}", "member:a b"):
        with pytest.raises(PostgresError, match="accounts_account_check"):
            async with scoring.database() as db:
                await db.execute(
                    text("INSERT INTO accounts VALUES (:tenant, :account, '服务争先', 0)"),
                    {"tenant": TENANT, "account": account},
                )


ORDERS = 90


def days_of_work() -> list[Event]:
    """An order a day, so that no cap is met; every third is reopened, the others satisfy. In no order at all."""
    facts: list[Event] = []
    for number in range(ORDERS):
        at = NOON + timedelta(days=number)
        check = checked(handler=f"M{number % 2 + 1}", points=number % 4, at=at)
        facts.append(stamped(check))
        facts.append(stamped(reopened(check) if number % 3 == 0 else evaluated(check)))
    random.Random(7).shuffle(facts)
    return facts


def earned_by(handler: int) -> int:
    return sum(number % 4 + 1 + 2 for number in range(ORDERS) if number % 3 and number % 2 + 1 == handler)


async def process(replica: Stage, facts: Sequence[Event]) -> None:
    """As the subscriber does it: what the database cannot take now is delivered again."""
    while True:
        try:
            if not await replica.service.processor.process([cloudevents.encode(fact) for fact in facts]):
                return
        except PostgresError as error:
            if not is_outage(error):
                raise


async def test_replicas_with_overlapping_batches_post_every_point_once(scoring: Stage) -> None:
    facts = days_of_work()
    chance = random.Random(11)
    async with on_stage(app.build()) as second:
        for start in range(0, len(facts), 40):
            overlapping = facts[start : start + 60]
            mine, theirs = chance.sample(overlapping, k=len(overlapping)), overlapping
            await asyncio.gather(process(scoring, mine), process(second, theirs))
        await retried(scoring)
    totals = await balances(scoring)
    assert (totals["member:M1"], totals["member:M2"]) == (earned_by(1), earned_by(2))
    assert totals["member:M9"] == sum(1 for number in range(ORDERS) if number % 3)


async def test_replicas_that_share_the_stream_post_every_point_once(scoring: Stage) -> None:
    async with on_stage(app.build()):
        await scoring.hear(*days_of_work())
        await retried(scoring)
    totals = await balances(scoring)
    assert (totals["member:M1"], totals["member:M2"]) == (earned_by(1), earned_by(2))


async def test_replicas_agree_on_the_cap_of_a_day(scoring: Stage) -> None:
    facts = [stamped(checked(points=9)) for _ in range(40)]
    async with on_stage(app.build()) as second:
        await asyncio.gather(*(process((scoring, second)[n % 2], facts[n : n + 4]) for n in range(0, 40, 4)))
    totals = await balances(scoring)
    assert (totals["member:M1"], totals["member:M9"]) == (60 + 10, 10)


async def test_a_balance_that_somebody_changed_by_hand_is_found_by_the_replay(scoring: Stage) -> None:
    await scoring.hear(checked())
    async with scoring.database() as db:
        await db.execute(
            text("UPDATE accounts SET balance = balance + 100 WHERE account = 'member:M1' AND dimension = '奉献争先'")
        )
        found = await ledger_tables.verify(db, TENANT)
    assert not found.adds_up
    assert found.sum_of_balances == 100
    assert found.differences == (ledger_tables.Difference(TENANT, "member:M1", "奉献争先", balance=101, replayed=1),)
