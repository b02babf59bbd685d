"""What a reopening or a failed check takes back, whichever order the facts arrive in."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from uuid import UUID

import pytest
from sqlalchemy import text

from libs.contracts.dispatch import AppealUpheld, OrderChecked
from libs.contracts.message import Event
from libs.contracts.scoring import PointsPosted, PointsReversed
from tests.support.scoring import ONE_CHECK, balances, checked, evaluated, history, reopened, retried, staffed
from tests.support.stage import NOON, MakeStage, Stage, stamped


@pytest.fixture
async def scoring(stage: MakeStage) -> Stage:
    return await staffed(stage)


async def test_reopening_takes_back_exactly_what_the_order_earned(scoring: Stage) -> None:
    check, other = stamped(checked()), stamped(checked(handler="M2"))
    undo = stamped(reopened(check))
    await scoring.hear(check, other)
    await scoring.hear(undo, undo)
    assert {a: p for a, p in (await balances(scoring)).items() if a.startswith("member:")} == {
        "member:M2": 6,
        "member:M9": 1,
    }
    posted = {p.transaction_id: p for p in await scoring.said(PointsPosted) if p.cause_id == check.id}
    taken = await scoring.said(PointsReversed)
    assert {t.reverses for t in taken} == set(posted)
    assert all((t.member_id, t.points) == (posted[t.reverses].member_id, posted[t.reverses].points) for t in taken)
    assert {(t.cause_id, t.reason, t.case_id) for t in taken} == {(undo.id, "reopened", check.case_id)}


async def test_a_reopened_case_earns_again_with_its_new_order(scoring: Stage) -> None:
    first = stamped(checked())
    again = checked(at=NOON + timedelta(days=1), case_id=first.case_id)
    await scoring.hear(first)
    await scoring.hear(reopened(first))
    await scoring.hear(again)
    assert await balances(scoring) == ONE_CHECK


async def test_every_order_of_arrival_ends_in_the_same_ledger(scoring: Stage) -> None:
    outcomes = []
    for arrival in permutations(range(4)):
        order_id, case_id = UUID(int=1), UUID(int=2)
        check = checked(order_id=order_id, case_id=case_id)
        told: list[Event] = [
            checked(passed=False, order_id=order_id, case_id=case_id, at=NOON - timedelta(hours=1)),
            check,
            evaluated(check),
            reopened(check),
        ]
        told = [fact.stamped(UUID(int=10 + n), case_id) for n, fact in enumerate(told)]
        for place in arrival:
            await scoring.hear(told[place])
        await retried(scoring)
        outcomes.append((await balances(scoring), await history(scoring)))
        await forget_everything(scoring)
    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert outcomes[0][0] == {"member:M9": 1, "org:P2": 1, "rule:check_done": -2}
    assert len(outcomes[0][1]) == 1 + 2 * 4


async def forget_everything(scoring: Stage) -> None:
    """Only whoever owns the tables can take the triggers off; the service has no way to."""
    async with scoring.database() as db:
        for table in ("transactions", "postings"):
            await db.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        await db.execute(text("TRUNCATE transactions, postings, accounts, orders, inbox"))
        for table in ("transactions", "postings"):
            await db.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))


async def test_a_failed_check_after_a_passed_one_takes_its_points_back_in_either_order(scoring: Stage) -> None:
    for first in (0, 1):
        check = checked(handler=f"M{first + 1}", checked_by="M9")
        failed = checked(
            passed=False, order_id=check.order_id, case_id=check.case_id, at=NOON + timedelta(hours=1), checked_by="M9"
        )
        told = [check, failed]
        await scoring.hear(told[first])
        await scoring.hear(told[1 - first])
    assert await balances(scoring) == {"member:M9": 2, "org:P2": 2, "rule:check_done": -4}


async def test_rework_that_passes_in_the_end_earns(scoring: Stage) -> None:
    failed = checked(passed=False, at=NOON - timedelta(hours=1))
    await scoring.hear(failed, checked(order_id=failed.order_id, case_id=failed.case_id))
    assert (await balances(scoring))["member:M1"] == 6
    assert (await balances(scoring))["member:M9"] == 2


def upheld(check: OrderChecked, *, hours: int = 3) -> AppealUpheld:
    return AppealUpheld(
        tenant=check.tenant,
        occurred_at=check.occurred_at + timedelta(hours=hours),
        case_id=check.case_id,
        order_id=check.order_id,
        case_no="20261123-000001",
        approval_id=UUID(int=7),
        member_id=check.member_id,
        org_id=check.org_id,
        decided_by="L1",
        reason="unfair",
    )


async def test_an_upheld_appeal_posts_the_exact_reversal_of_what_was_posted_against_the_order(scoring: Stage) -> None:
    check = stamped(checked())
    await scoring.hear(check)
    before = await balances(scoring)
    await scoring.hear(reopened(check))
    assert "member:M1" not in await balances(scoring)
    appeal = stamped(upheld(check))
    await scoring.hear(appeal, appeal)
    assert await balances(scoring) == before
    given = [p for p in await scoring.said(PointsPosted) if p.cause_id == appeal.id]
    taken = await scoring.said(PointsReversed)
    assert sorted((p.member_id, p.rule, p.points) for p in given) == sorted(
        (p.member_id, p.rule, p.points)
        for p in await scoring.said(PointsPosted)
        if p.transaction_id in {t.reverses for t in taken}
    )


async def test_an_appeal_ends_in_the_same_ledger_whenever_it_arrives(scoring: Stage) -> None:
    outcomes = []
    for arrival in permutations(range(3)):
        check = checked(order_id=UUID(int=1), case_id=UUID(int=2))
        told: list[Event] = [check, reopened(check), upheld(check)]
        told = [fact.stamped(UUID(int=10 + n), check.case_id) for n, fact in enumerate(told)]
        for place in arrival:
            await scoring.hear(told[place])
        outcomes.append((await balances(scoring), await history(scoring)))
        await forget_everything(scoring)
    assert all(outcome == outcomes[0] for outcome in outcomes)


async def test_a_reopening_after_the_appeal_takes_back(scoring: Stage) -> None:
    check = stamped(checked())
    await scoring.hear(check, upheld(check, hours=1))
    await scoring.hear(reopened(check))
    assert "member:M1" not in await balances(scoring)
