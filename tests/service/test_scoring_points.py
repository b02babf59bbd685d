"""The scoring service on real NATS and PostgreSQL: facts in, points in the ledger, facts out."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from libs.chassis.db.ids import new_id
from libs.contracts import cloudevents
from libs.contracts.dispatch import CaseVerified, InspectionKind
from libs.contracts.scoring import PointsPosted
from tests.support.deeds import RULES
from tests.support.scoring import ONE_CHECK, TENANT, balances, checked, evaluated, history, retried
from tests.support.stage import NOON, Stage, stamped


async def test_a_passed_check_posts_points_to_handler_checker_and_their_organisations(scoring: Stage) -> None:
    check = stamped(checked())
    await scoring.hear(check)
    assert await balances(scoring) == ONE_CHECK
    told = await scoring.said(PointsPosted)
    assert [(p.rule, p.member_id, p.org_id, p.points, p.rules_version) for p in told] == [
        ("handled_and_checked", "M1", "P1", 5, RULES.version),
        ("handled_on_time", "M1", "P1", 1, RULES.version),
        ("check_done", "M9", "P2", 1, RULES.version),
    ]
    assert {(p.cause_id, p.case_id, p.correlation_id) for p in told} == {(check.id, check.case_id, check.case_id)}


async def test_the_same_check_told_twice_earns_once(scoring: Stage) -> None:
    check = stamped(checked())
    await scoring.hear(check, check)
    await scoring.hear(check)
    assert await balances(scoring) == ONE_CHECK


async def test_a_check_that_is_replayed_after_the_inbox_forgot_it_earns_once(scoring: Stage) -> None:
    check = stamped(checked())
    await scoring.hear(check)
    async with scoring.database() as db:
        await db.execute(text("DELETE FROM inbox"))
    await scoring.hear(check)
    assert await balances(scoring) == ONE_CHECK
    assert await scoring.kept() == []


async def test_a_failure_midway_leaves_nothing_behind_and_the_retry_posts_once(scoring: Stage) -> None:
    async with scoring.database() as db:
        await db.execute(text("ALTER TABLE accounts ADD CONSTRAINT planted CHECK (account <> 'member:M1')"))
    await scoring.hear(checked(), checked(handler="M2"))
    assert "member:M1" not in await balances(scoring)
    assert {row[2] for row in await history(scoring)} == {"M2", "M9"}
    [(reason, parked)] = await scoring.kept()
    assert ("planted" in reason, parked) == (True, False)
    async with scoring.database() as db:
        await db.execute(text("ALTER TABLE accounts DROP CONSTRAINT planted"))
    await retried(scoring)
    assert (await balances(scoring))["member:M1"] == 6


async def test_a_field_that_this_version_does_not_know_is_ignored(scoring: Stage) -> None:
    check = stamped(checked())
    envelope = cloudevents.encode(check)
    body = envelope.body[:-1] + b', "weather": "sunny"}'
    js = (await scoring.service.broker.connect()).jetstream()
    await js.publish(envelope.subject, body, headers=envelope.headers)
    await scoring.settled()
    assert await balances(scoring) == ONE_CHECK


async def test_ones_own_report_earns_the_handler_nothing(scoring: Stage) -> None:
    await scoring.hear(checked(own_report=True))
    assert set(await balances(scoring)) == {"member:M9", "org:P2", "rule:check_done"}


async def test_the_cap_of_the_day_holds_within_a_batch_and_between_batches(scoring: Stage) -> None:
    for _ in range(2):
        await scoring.hear(*(checked(points=9) for _ in range(5)))
    assert (await balances(scoring))["rule:handled_and_checked"] == -2 * 60
    await scoring.hear(checked(points=9, at=NOON + timedelta(days=1)))
    assert (await balances(scoring))["rule:handled_and_checked"] == -2 * 69


async def test_a_satisfied_reporter_credits_who_did_it(scoring: Stage) -> None:
    check = stamped(checked())
    evaluation = stamped(evaluated(check))
    await scoring.hear(check)
    await scoring.hear(evaluation, evaluation)
    assert (await balances(scoring))["member:M1"] == 8
    [credit] = [p for p in await scoring.said(PointsPosted) if p.rule == "reporter_satisfied"]
    assert (credit.cause_id, credit.points, credit.dimension) == (evaluation.id, 2, "服务争先")


async def test_an_unsatisfied_reporter_credits_nobody(scoring: Stage) -> None:
    check = checked()
    await scoring.hear(check, evaluated(check, satisfied=False))
    assert await balances(scoring) == ONE_CHECK


async def test_an_evaluation_that_comes_before_the_check_waits_for_it(scoring: Stage) -> None:
    check = stamped(checked())
    await scoring.hear(evaluated(check))
    [(reason, _)] = await scoring.kept()
    assert reason == f"the order {check.order_id} has not passed a check here yet"
    await scoring.hear(check)
    await retried(scoring)
    assert (await balances(scoring))["member:M1"] == 8


async def test_who_looks_whether_a_report_is_true_earns_the_same_whatever_they_find(scoring: Stage) -> None:
    found = [
        stamped(
            CaseVerified(
                tenant=TENANT,
                occurred_at=NOON,
                case_id=new_id(),
                case_no="20261123-000001",
                inspection_id=new_id(),
                kind=InspectionKind.VERIFY,
                true_report=true_report,
                note="看过",
                member_id=member_id,
                org_id="P1",
                on_time=True,
            )
        )
        for member_id, true_report in (("M1", True), ("M2", False))
    ]
    await scoring.hear(*found, *found)
    assert await balances(scoring) == {"member:M1": 1, "member:M2": 1, "org:P1": 2, "rule:verify_done": -4}
