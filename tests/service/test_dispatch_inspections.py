"""Checks and verifications on real NATS and PostgreSQL: who is sent, what they find, and what happens in between."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from libs.chassis.db.ids import new_id
from libs.contracts.dispatch import (
    CaseVerified,
    DeadlineNear,
    InspectionAssigned,
    InspectionCancelled,
    InspectionLapsed,
    InspectionRaised,
    OrderChecked,
    OrderDispatched,
    OrderOffered,
)
from libs.contracts.incident import CaseRejected, CaseVoided, EndReason, VerifyAsked
from libs.contracts.values import Place, Point, RequestKind
from tests.support.dispatch import TENANT, act, answer, is_absent, made_due, registered
from tests.support.stage import Stage, stamped

STRANGERS = """
INSERT INTO members SELECT '370784004', 'S' || n, '外组' || n, 'volunteer', '37078400420101', 'P9', '[]', 2, ''
FROM generate_series(1, 2) n
"""


@pytest.fixture
async def order_id(dispatch: Stage) -> UUID:
    """An order that M1 has handed in."""
    async with dispatch.database() as db:
        await db.execute(text(STRANGERS))
        await db.execute(text("UPDATE streets SET version = version + 1"))
    await dispatch.hear(registered())
    [offer] = await dispatch.said(OrderOffered)
    await act(dispatch, offer.order_id, "claim", "M1")
    await act(dispatch, offer.order_id, "hand_in", "M1", note="lamp replaced")
    return offer.order_id


def to_verify(reported_by: str | None = None) -> VerifyAsked:
    return VerifyAsked(
        tenant=TENANT,
        occurred_at=datetime.now(UTC),
        case_id=new_id(),
        case_no="20261123-000001",
        category="11001",
        category_name="围墙倾斜",
        request_kind=RequestKind.SNAPSHOT,
        place=Place(point=Point(longitude=0.5, latitude=0.5)),
        summary="围墙倾斜",
        reported_by_member=reported_by,
    )


def rejected(case: VerifyAsked) -> CaseRejected:
    return CaseRejected(
        tenant=TENANT,
        occurred_at=datetime.now(UTC),
        case_id=case.case_id,
        case_no=case.case_no,
        category_name="围墙倾斜",
        end_reason=EndReason.UNTRUE,
        verify_asked=True,
    )


async def listed(dispatch: Stage, **wanted: str) -> list[dict[str, Any]]:
    answer = await dispatch.http.get("/v1/inspections", params={"tenant": TENANT, **wanted})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def checks_of(dispatch: Stage, order_id: UUID) -> list[dict[str, Any]]:
    answer = await dispatch.http.get(f"/v1/orders/{order_id}/inspections", params={"tenant": TENANT})
    found: list[dict[str, Any]] = answer.json()
    return found


async def try_check(dispatch: Stage, order_id: UUID, by: str, passed: bool = True, note: str = "") -> httpx.Response:
    body = {"tenant": TENANT, "member_id": by, "passed": passed, "note": note}
    return await dispatch.http.post(f"/v1/orders/{order_id}/check", json=body)


async def timers(dispatch: Stage) -> list[str]:
    async with dispatch.database() as db:
        return sorted(row.name for row in await db.rows(text("SELECT name FROM timers")))


async def test_somebody_else_is_sent_to_check_as_soon_as_an_order_is_handed_in(dispatch: Stage, order_id: UUID) -> None:
    [fact] = await dispatch.said(InspectionAssigned)
    shown = (await dispatch.http.get(f"/v1/orders/{order_id}", params={"tenant": TENANT})).json()
    assert (fact.member_id, fact.order_id) == ("M2", order_id)
    assert fact.due_at == datetime.fromisoformat(shown["check_by"])
    await act(dispatch, order_id, "hand_in", "M1", note="lamp replaced")
    assert len(await dispatch.said(InspectionAssigned)) == 1
    await act(dispatch, order_id, "check", "M2", passed=True, note="灯亮了", photos=["lamp"])
    [done] = await checks_of(dispatch, order_id)
    assert (done["state"], done["done_by"], done["holds"], done["note"]) == ("done", "M2", True, "灯亮了")
    assert done["photos"] == ["lamp"]
    assert await timers(dispatch) == []
    assert await dispatch.said(InspectionCancelled) == []


async def test_who_found_it_wanting_says_why_and_looks_again(dispatch: Stage, order_id: UUID) -> None:
    assert (await try_check(dispatch, order_id, "M2", passed=False)).status_code == 409
    failed = await act(dispatch, order_id, "check", "M3", passed=False, note="灯罩未装")
    assert (failed["state"], failed["rework_count"]) == ("handling", 1)
    [fact] = await dispatch.said(OrderChecked)
    assert (fact.note, fact.member_id) == ("灯罩未装", "M1")
    await act(dispatch, order_id, "hand_in", "M1", note="now with its cover")
    assert [f.member_id for f in await dispatch.said(InspectionAssigned)] == ["M2", "M3"]
    await act(dispatch, order_id, "check", "M3", passed=True)
    assert [each["holds"] for each in await checks_of(dispatch, order_id)] == [False, True]
    shown = (await dispatch.http.get(f"/v1/orders/{order_id}", params={"tenant": TENANT})).json()
    assert (shown["state"], shown["rework_count"]) == ("checked", 1)


async def test_of_many_checks_at_once_one_counts(dispatch: Stage, order_id: UUID) -> None:
    answers = await asyncio.gather(
        *(try_check(dispatch, order_id, f"M{2 + n % 3}", n % 2 == 0, "看过") for n in range(12))
    )
    assert Counter(a.status_code for a in answers) == {200: 1, 409: 11}
    [fact] = await dispatch.said(OrderChecked)
    [done] = await checks_of(dispatch, order_id)
    assert (done["done_by"], done["holds"]) == (fact.checked_by, fact.passed)


async def test_a_check_is_for_who_was_sent_and_for_organisations_that_answer_and_never_for_the_handler(
    dispatch: Stage, order_id: UUID
) -> None:
    for member in ("M1", "S1", "nobody"):
        refused = await try_check(dispatch, order_id, member)
        assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")
    await act(dispatch, order_id, "check", "L1", passed=True)
    [relieved] = await dispatch.said(InspectionCancelled)
    assert relieved.member_id == "M2"


async def test_a_stranger_who_was_sent_may_check(dispatch: Stage, order_id: UUID) -> None:
    for member in ("M2", "M3", "M4"):
        await is_absent(dispatch, member)
    assert await asked_last(dispatch) == "S1"
    await act(dispatch, order_id, "check", "S1", passed=True)


async def asked_last(dispatch: Stage) -> str:
    return (await dispatch.said(InspectionAssigned))[-1].member_id


async def test_an_inspector_who_becomes_absent_is_replaced(dispatch: Stage, order_id: UUID) -> None:
    await is_absent(dispatch, "M2")
    assert await asked_last(dispatch) == "M3"
    [item] = await listed(dispatch, member_id="M3")
    assert (item["order_id"], item["lapses"]) == (str(order_id), 0)
    assert await listed(dispatch, member_id="M2") == []


async def test_what_nobody_looks_at_goes_to_another_and_then_to_the_organisation_above(
    dispatch: Stage, order_id: UUID
) -> None:
    await made_due(dispatch, "InspectionClock")
    assert await asked_last(dispatch) == "M3"
    await made_due(dispatch, "InspectionClock")
    assert [fact.member_id for fact in await dispatch.said(InspectionLapsed)] == ["M2", "M3"]
    assert [fact.org_id for fact in await dispatch.said(InspectionRaised)] == ["P3"]
    [item] = await listed(dispatch, state="raised", org_id="P3")
    assert (item["member_id"], item["lapses"]) == (None, 2)
    assert await timers(dispatch) == ["OrderClock"]
    await act(dispatch, order_id, "check", "M2", passed=True)


async def test_who_shall_check_hears_that_the_time_is_nearly_over(dispatch: Stage, order_id: UUID) -> None:
    await made_due(dispatch, "OrderClock")
    near = await dispatch.said(DeadlineNear)
    assert [(fact.stage, fact.member_ids) for fact in near] == [("check", ("M2",))]


async def test_a_clock_that_fires_late_changes_nothing(dispatch: Stage, order_id: UUID) -> None:
    async with dispatch.database() as db:
        left = await db.one(text("SELECT * FROM timers WHERE name = 'InspectionClock'"))
    assert left is not None
    await act(dispatch, order_id, "check", "M2", passed=True)
    async with dispatch.database() as db:
        late = (
            "INSERT INTO timers (name, key, due_at, body) VALUES ('InspectionClock', :key, now(), CAST(:body AS jsonb))"
        )
        await db.execute(text(late), {"key": left.key, "body": json.dumps(left.body)})
    await made_due(dispatch, "InspectionClock")
    assert await dispatch.said(InspectionLapsed) == []


async def test_the_check_of_an_order_that_is_cancelled_is_not_needed(dispatch: Stage, order_id: UUID) -> None:
    [order] = await dispatch.said(OrderDispatched)
    about = {"tenant": TENANT, "occurred_at": datetime.now(UTC), "case_id": order.case_id, "case_no": order.case_no}
    await dispatch.hear(CaseVoided(**about, category_name="路灯不亮", end_reason=EndReason.TEST, opening=0))
    [relieved] = await dispatch.said(InspectionCancelled)
    assert (relieved.member_id, await timers(dispatch)) == ("M2", [])


async def test_a_report_is_verified_by_the_nearest_who_did_not_send_it(dispatch: Stage, order_id: UUID) -> None:
    case = stamped(to_verify(reported_by="M1"))
    await dispatch.hear(case, case)
    await dispatch.hear(case)
    fact = (await dispatch.said(InspectionAssigned))[-1]
    assert (len(await dispatch.said(InspectionAssigned)), fact.member_id, fact.order_id) == (2, "M2", None)
    [item] = await listed(dispatch, kind="verify")
    assert item["inspection_id"] == str(fact.inspection_id)
    assert (await answer(dispatch, fact.inspection_id, "S1")).status_code == 409
    assert (await answer(dispatch, fact.inspection_id, "M1")).status_code == 409
    assert (await answer(dispatch, new_id(), "M2")).status_code == 404
    assert (await answer(dispatch, fact.inspection_id, "M2", note="")).status_code == 422
    answers = await asyncio.gather(*(answer(dispatch, fact.inspection_id, "M2", n % 2 == 0) for n in range(10)))
    assert Counter(a.status_code for a in answers) == {200: 5, 409: 5}
    [found] = await dispatch.said(CaseVerified)
    shown = await dispatch.http.get(f"/v1/inspections/{fact.inspection_id}", params={"tenant": TENANT})
    assert (shown.json()["holds"], shown.json()["photos"]) == (found.true_report, ["wall"])
    assert (await dispatch.http.get(f"/v1/inspections/{new_id()}", params={"tenant": TENANT})).status_code == 404


async def test_what_is_found_of_an_order_is_not_answered_as_a_report(dispatch: Stage, order_id: UUID) -> None:
    [check] = await checks_of(dispatch, order_id)
    refused = await answer(dispatch, UUID(check["inspection_id"]), "M2")
    assert (refused.status_code, "check" in refused.json()["detail"]) == (409, True)


async def test_a_member_is_not_asked_to_look_at_more_than_they_may_have_to_do(dispatch: Stage) -> None:
    await dispatch.hear(*(to_verify() for _ in range(9)))
    asked = Counter(fact.member_id for fact in await dispatch.said(InspectionAssigned))
    assert asked == {"M1": 2, "M2": 2, "M3": 2, "M4": 2, "L1": 1}


async def test_a_report_that_staff_decide_about_needs_nobody_on_site(dispatch: Stage) -> None:
    case, other = to_verify(), to_verify()
    await dispatch.hear(case, other)
    decision = stamped(rejected(case))
    await dispatch.hear(decision, decision)
    await dispatch.hear(registered().model_copy(update={"case_id": other.case_id, "verify_asked": True}))
    assert [fact.case_id for fact in await dispatch.said(InspectionCancelled)] == [case.case_id, other.case_id]
    assert await listed(dispatch) == []
    assert await timers(dispatch) == ["OfferLease", "OrderClock"]


async def test_a_decision_that_comes_before_the_question_leaves_nobody_on_the_way(dispatch: Stage) -> None:
    case, other = to_verify(), to_verify()
    await dispatch.hear(rejected(case))
    [(reason, given_up)] = await dispatch.kept()
    assert (str(case.case_id) in reason, given_up) == (True, False)
    await dispatch.hear(case)
    await dispatch.retry_now()
    assert [fact.case_id for fact in await dispatch.said(InspectionCancelled)] == [case.case_id]
    await dispatch.hear(registered().model_copy(update={"case_id": other.case_id, "verify_asked": True}))
    await dispatch.hear(other)
    assert len(await dispatch.said(InspectionAssigned)) == 1
    assert await dispatch.kept() == []


async def test_a_report_of_an_unknown_street_waits_for_its_roster(dispatch: Stage) -> None:
    await dispatch.hear(to_verify().model_copy(update={"tenant": "370784005"}), to_verify())
    [(reason, _)] = await dispatch.kept()
    assert "370784005" in reason
    assert len(await dispatch.said(InspectionAssigned)) == 1


async def test_a_failure_midway_leaves_nothing_behind(dispatch: Stage) -> None:
    async with dispatch.database() as db:
        await db.execute(text("ALTER TABLE timers ADD CONSTRAINT broken CHECK (false)"))
    await dispatch.hear(to_verify())
    async with dispatch.database() as db:
        row = await db.one(text("SELECT (SELECT count(*) FROM inspections) + (SELECT count(*) FROM outbox) AS left"))
        await db.execute(text("ALTER TABLE timers DROP CONSTRAINT broken"))
    assert row is not None
    assert row.left == 0
    await dispatch.retry_now()
    assert len(await dispatch.said(InspectionAssigned)) == 1


async def test_sweeps_checks_and_absences_do_not_wait_for_one_another_for_ever(dispatch: Stage) -> None:
    async with dispatch.database() as db:
        await db.execute(text("UPDATE members SET workload_limit = 100"))
        await db.execute(text("UPDATE streets SET version = version + 1"))
    await dispatch.hear(*(registered() for _ in range(20)))
    orders = [offer.order_id for offer in await dispatch.said(OrderOffered)]
    for order_id in orders:
        await act(dispatch, order_id, "claim", "M1")
    await asyncio.gather(*(act(dispatch, o, "hand_in", "M1", note="done") for o in orders))
    async with dispatch.database() as db:
        await db.execute(text("UPDATE timers SET due_at = now() WHERE name = 'InspectionClock'"))
    checks = (act(dispatch, o, "check", "L1", passed=True) for o in orders)
    sweeps = (dispatch.service.timers.fire_due(5) for _ in range(6))
    await asyncio.gather(*checks, is_absent(dispatch, "M2"), *sweeps)
    assert len(await dispatch.said(OrderChecked)) == len(orders)
    assert await listed(dispatch) == []


async def test_inspections_are_listed_a_page_at_a_time(dispatch: Stage) -> None:
    await dispatch.hear(*(to_verify() for _ in range(5)))
    first = (await dispatch.http.get("/v1/inspections", params={"tenant": TENANT, "limit": 3})).json()
    assert (len(first["items"]), first["total"]) == (3, {"count": 5, "more": False})
    rest = await dispatch.http.get("/v1/inspections", params={"tenant": TENANT, "after": first["next"]})
    assert (len(rest.json()["items"]), rest.json()["next"]) == (2, None)
    assert len(await listed(dispatch, member_id="M1")) == 2
    assert await listed(dispatch, kind="check") == await listed(dispatch, state="done") == []
