"""The life of cases on real NATS and PostgreSQL: staff's decisions, facts about orders, feedback and reopening."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from asyncpg import PostgresError
from sqlalchemy import text

from libs.chassis.db.ids import new_id
from libs.contracts import cloudevents
from libs.contracts.incident import (
    CaseAnswered,
    CaseClosed,
    CaseEvaluated,
    CaseRegistered,
    CaseRejected,
    CaseReopened,
    CaseResolved,
)
from libs.contracts.message import OrderEvent
from services.incident.cases import audit
from services.incident.cases.domain.history import broken
from tests.support.incident import MEMBER, MICRO_GRID, TENANT, Orders, decide, feedback, report, view
from tests.support.stage import Stage, stamped


async def test_an_accepted_report_is_registered_once(incident: Stage) -> None:
    case = await report(incident, "11002")
    answers = await asyncio.gather(*(decide(incident, case, "accept") for _ in range(3)))
    assert sorted(a.status_code for a in answers) == [200, 409, 409]
    conflict = next(a.json() for a in answers if a.status_code == 409)
    assert (conflict["state"], [a["move"] for a in conflict["allowed"]]) == (
        "registered",
        ["void", "merge", "correct", "ask", "reword"],
    )
    [registered] = await incident.said(CaseRegistered)
    assert registered.summary == "路灯不亮，电话…"
    assert registered.place.name == "儒林"
    assert registered.place.point is not None
    assert registered.reporter_id is not None


async def test_a_rejected_report_tells_its_reason_without_a_contact_in_it(incident: Stage) -> None:
    case = await report(incident, "11002")
    assert (await decide(incident, case, "verify", true_report=True, note="看过了")).status_code == 409
    assert (await decide(incident, case, "reject", reason="mistaken")).status_code == 422
    said = {"reason": "not_ours", "note": "请拨打13800000000"}
    assert (await decide(incident, case, "reject", **said)).status_code == 200
    [rejected] = await incident.said(CaseRejected)
    assert (rejected.end_reason, rejected.note) == ("not_ours", "请拨打…")
    tracked = (await incident.http.get(f"/v1/track/{case.tracking_code}")).json()
    assert (tracked["state"], tracked["reason"]["zh"]) == ("rejected", "不属于街道受理范围")
    assert tracked["note"] == "请拨打…"
    refused = await decide(incident, case, "accept")
    assert refused.status_code == 409
    assert "rejected" in refused.json()["detail"]


async def test_what_is_found_on_site_decides_whether_a_report_becomes_a_case(incident: Stage) -> None:
    true, untrue = await report(incident, "11003"), await report(incident, "11003")
    assert (await view(incident, true))["state"] == "verifying"
    accepted = await decide(incident, true, "accept")
    assert [a["move"] for a in accepted.json()["allowed"]] == [
        "reject",
        "confirm",
        "disprove",
        "void",
        "merge",
        "correct",
        "ask",
        "reword",
    ]
    assert (await decide(incident, true, "verify", true_report=True, note="属实")).json()["state"] == "registered"
    assert (await decide(incident, untrue, "verify", true_report=False, note="灯亮着")).json()["state"] == "rejected"
    assert [r.case_no for r in await incident.said(CaseRegistered)] == [true.case_no]
    assert [(r.case_no, r.end_reason, r.note) for r in await incident.said(CaseRejected)] == [
        (untrue.case_no, "untrue", "灯亮着")
    ]


async def test_a_case_follows_its_order_until_it_is_closed(incident: Stage) -> None:
    case = await report(incident)
    order = Orders(case)
    states = []
    for fact in (order.dispatched(), order.claimed(), order.handled(), order.checked(35, passed=False)):
        await incident.hear(fact)
        states.append((await view(incident, case))["state"])
    assert states == ["registered", "in_progress", "resolved", "in_progress"]
    await incident.hear(order.handled(33), order.checked(30))
    assert (await view(incident, case))["state"] == "closed"
    assert len(await incident.said(CaseResolved)) == 2
    [closed] = await incident.said(CaseClosed)
    assert (closed.order_id, closed.case_no) == (order.order_id, case.case_no)
    assert closed.reporter_id is not None


async def test_every_order_of_arrival_ends_the_same_with_the_same_timeline(incident: Stage) -> None:
    ends = set()
    cases = []
    for order_of_arrival in permutations(range(4)):
        case = await report(incident)
        order = Orders(case)
        facts = [order.dispatched(-1), order.claimed(-2), order.handled(-3), order.checked(-4)]
        cases.append(case)
        await incident.publish(*(facts[n] for n in order_of_arrival))
    await incident.settled()
    for case in cases:
        found = await view(incident, case)
        ends.add((found["state"], found["handle_by"], found["closed_at"], tuple(s["step"] for s in found["timeline"])))
    assert len(ends) == 1
    [(state, _, _, steps)] = ends
    assert state == "closed"
    assert steps == ("reported", "registered", "dispatched", "claimed", "handled", "passed")
    assert len(await incident.said(CaseClosed)) == len(cases)


async def test_facts_that_come_twice_are_in_the_timeline_once_even_when_the_inbox_has_forgotten(
    incident: Stage,
) -> None:
    case = await report(incident)
    order = Orders(case)
    facts: list[OrderEvent] = [
        stamped(fact) for fact in (order.claimed(-1), order.handled(-2), order.checked(-3, passed=False))
    ]
    await incident.hear(*facts, *facts)
    async with incident.database() as db:
        await db.execute(text("DELETE FROM inbox"))
    await incident.hear(*reversed(facts))
    found = await view(incident, case)
    assert [s["step"] for s in found["timeline"]] == ["reported", "registered", "claimed", "handled", "failed"]
    assert found["state"] == "in_progress"
    assert len(await incident.said(CaseResolved)) == 1


async def test_a_fact_about_a_case_that_is_not_here_waits_and_the_others_go_on(incident: Stage) -> None:
    case = await report(incident)
    unknown = case.model_copy(update={"case_id": new_id()})
    await incident.hear(Orders(unknown).claimed(), Orders(case).claimed())
    assert (await view(incident, case))["state"] == "in_progress"
    [(reason, given_up)] = await incident.kept()
    assert (str(unknown.case_id) in reason, given_up) == (True, False)


async def test_a_failure_midway_leaves_nothing_and_is_made_good_by_the_retry(incident: Stage) -> None:
    case, other = await report(incident), await report(incident)
    async with incident.database() as db:
        await db.execute(
            text(f"ALTER TABLE timeline ADD CONSTRAINT broken CHECK (case_id <> '{case.case_id}') NOT VALID")
        )
    await incident.hear(Orders(case).handled(), Orders(other).handled())
    assert (await view(incident, case))["state"] == "registered"
    assert (await view(incident, other))["state"] == "resolved"
    async with incident.database() as db:
        await db.execute(text("ALTER TABLE timeline DROP CONSTRAINT broken"))
    await incident.retry_now()
    assert (await view(incident, case))["state"] == "resolved"
    assert len(await incident.said(CaseResolved)) == 2


async def test_fields_of_a_newer_producer_are_ignored(incident: Stage) -> None:
    case = await report(incident)
    envelope = cloudevents.encode(stamped(Orders(case).claimed()))
    js = (await incident.service.broker.connect()).jetstream()
    newer = envelope.body[:-1] + b',"weather":"rain"}'
    await js.publish(envelope.subject, newer, headers=envelope.headers)
    await incident.settled()
    assert (await view(incident, case))["state"] == "in_progress"


async def test_the_public_view_says_in_words_how_it_stands_and_names_nobody(incident: Stage) -> None:
    case = await report(incident)
    order = Orders(case)
    await incident.hear(order.dispatched(), order.claimed(), order.returned(), order.escalated(), order.overdue())
    code = f"{case.tracking_code[:6]}-{case.tracking_code[6:]}".lower()
    answer = await incident.http.get(f"/v1/track/{code}")
    tracked = answer.json()
    assert tracked["state_in_words"] == {"zh": "处置中", "en": "In progress"}
    assert tracked["category"]["en"] == "Street lamp out"
    assert datetime.fromisoformat(tracked["handle_by"]) == Orders.now + timedelta(hours=9)
    assert len(tracked["timeline"]) == 7
    for internal in (MEMBER, "P4", MICRO_GRID, "没有梯子", "13800000000", str(case.case_id)):
        assert internal not in answer.text
    for unknown in ("0000000000000", "not-a-code", "%00"):
        assert (await incident.http.get(f"/v1/track/{unknown}")).status_code == 404
        assert (await incident.http.post(f"/v1/track/{unknown}/feedback", json={"satisfied": True})).status_code == 404


async def test_a_closed_case_is_evaluated_once(incident: Stage) -> None:
    case = await report(incident)
    early = await feedback(incident, case, True)
    assert (early.status_code, early.json()["state"]) == (409, "registered")
    await incident.hear(Orders(case).checked())
    answers = await asyncio.gather(*(feedback(incident, case, True, "修得很快") for _ in range(3)))
    assert [a.status_code for a in answers] == [200] * 3
    assert (await feedback(incident, case, False)).status_code == 409
    [evaluated] = await incident.said(CaseEvaluated)
    assert evaluated.satisfied
    assert "修得很快" not in evaluated.model_dump_json()
    tracked = (await incident.http.get(f"/v1/track/{case.tracking_code}")).json()
    assert (tracked["feedback"]["open"], tracked["feedback"]["satisfied"]) == (False, True)


async def test_feedback_that_comes_late_is_not_taken_for_the_next_closing(incident: Stage) -> None:
    """As when a process stood still with the request, and the reporter has sent it again."""
    case = await report(incident)
    order, url = Orders(case), f"/v1/track/{case.tracking_code}"
    await incident.hear(order.checked(30))
    seen = (await incident.http.get(url)).json()["feedback"]["closing"]
    said = {"satisfied": False, "words": "又坏了", "closing": seen}
    unsure = await incident.http.post(f"{url}/feedback", json={**said, "satisfied": "yes"})
    assert (unsure.status_code, unsure.json()["errors"][0]["wrong"]) == (422, "must be true or false")
    assert (await incident.http.post(f"{url}/feedback", json=said)).json()["reopened"] is True
    assert (await incident.http.post(f"{url}/feedback", json=said)).json()["reopened"] is True
    await incident.hear(order.checked(-1))
    late = await incident.http.post(f"{url}/feedback", json=said)
    assert (late.status_code, late.json()["title"]) == (409, "Closed again")
    now = (await incident.http.get(url)).json()
    assert (now["state"], now["feedback"]["open"]) == ("closed", True)
    assert now["feedback"]["closing"] != seen


async def test_a_case_is_reopened_twice_the_second_time_by_the_street_and_then_no_more(incident: Stage) -> None:
    case = await report(incident)
    order = Orders(case)
    for times in (1, 2):
        await incident.hear(order.checked(30 if times == 1 else -times))
        answer = await feedback(incident, case, False)
        assert answer.json() == {"case_no": case.case_no, "satisfied": False, "reopened": True, "state": "in_progress"}
        assert (await feedback(incident, case, False)).json() == answer.json()
    await incident.hear(order.checked(-9))
    assert (await feedback(incident, case, False)).json()["reopened"] is False
    assert (await view(incident, case))["state"] == "closed"
    reopened = await incident.said(CaseReopened)
    assert [(r.times, r.to_street, r.order_id) for r in reopened] == [
        (1, False, order.order_id),
        (2, True, order.order_id),
    ]
    assert len(await incident.said(CaseEvaluated)) == 3


async def test_fourteen_days_after_the_closing_it_is_too_late(incident: Stage) -> None:
    case = await report(incident)
    await incident.hear(Orders(case).checked(minutes_ago=14 * 24 * 60 + 1))
    late = await feedback(incident, case, False)
    assert late.status_code == 409
    assert "14 days" in late.json()["detail"]
    assert await incident.said(CaseReopened) == []


async def test_a_reopening_comes_after_the_closing_though_that_was_by_a_clock_that_is_ahead(incident: Stage) -> None:
    case = await report(incident)
    closing = Orders(case).checked(minutes_ago=-300)
    await incident.hear(closing)
    await feedback(incident, case, False)
    [evaluated], [reopened] = await incident.said(CaseEvaluated), await incident.said(CaseReopened)
    assert evaluated.occurred_at == reopened.occurred_at == closing.occurred_at


async def test_cases_are_counted_by_state(incident: Stage) -> None:
    first, second = await report(incident), await report(incident)
    await incident.hear(Orders(first).claimed())
    counts = (await incident.http.get("/v1/cases/counts", params={"tenant": TENANT})).json()
    assert (counts["in_progress"], counts["registered"], counts["closed"]) == (1, 1, 0)
    missing = await incident.http.get("/v1/cases/20261123-999999", params={"tenant": TENANT})
    assert missing.status_code == 404
    staff = await view(incident, second)
    assert "tracking_code" not in staff
    assert UUID(staff["case_id"]) == second.case_id


async def test_a_case_is_shown_as_it_stood_at_any_time(incident: Stage) -> None:
    case = await report(incident, "11002")
    order = Orders(case)
    said: list[tuple[datetime, dict[str, Any]]] = [(datetime.now(UTC), await view(incident, case))]
    await decide(incident, case, "accept")
    said.append((datetime.now(UTC), await view(incident, case)))
    for fact in (order.handled(40), order.dispatched(60), order.claimed(50), order.checked(30)):
        await incident.hear(fact)
        said.append((datetime.now(UTC), await view(incident, case)))
    await feedback(incident, case, False)
    said.append((datetime.now(UTC), await view(incident, case)))
    assert [then["state"] for _, then in said] == [
        "reported",
        "registered",
        "resolved",
        "resolved",
        "resolved",
        "closed",
        "in_progress",
    ]
    url = f"/v1/cases/{case.case_no}"
    for at, then in said:
        again = await incident.http.get(url, params={"tenant": TENANT, "as_of": at.isoformat()})
        assert again.json() == then
    early = {"tenant": TENANT, "as_of": (Orders.now - timedelta(days=1)).isoformat()}
    assert (await incident.http.get(url, params=early)).status_code == 404
    assert (await incident.http.get(url, params={**early, "as_of": "yesterday"})).status_code == 422


async def test_no_entry_of_a_timeline_can_be_changed_or_taken_away(incident: Stage) -> None:
    await report(incident)
    for statement in ("UPDATE timeline SET step = 'closed'", "DELETE FROM timeline", "TRUNCATE timeline"):
        async with incident.database() as db:
            with pytest.raises(PostgresError, match="append-only"):
                await db.execute(text(statement))


async def test_chains_hold_when_many_write_to_one_case_at_once(incident: Stage) -> None:
    cases = [await report(incident, "11002") for _ in range(3)]
    decisions = [decide(incident, case, "accept") for case in cases for _ in range(3)]
    orders = [Orders(case) for case in cases]
    facts = [fact for order in orders for fact in (order.overdue(), order.escalated(), order.claimed())]
    await asyncio.gather(*decisions, *(incident.publish(fact) for fact in facts))
    await incident.settled()
    async with incident.database() as db:
        found = [history async for history in audit.histories(db, TENANT)]
    assert [len(history.entries) for history in found] == [5, 5, 5]
    assert [broken(history.entries, history.head) for history in found] == [None, None, None]


async def test_a_question_is_over_whichever_fact_of_the_work_is_heard_first(incident: Stage) -> None:
    """Put after a hand-in that was not heard of yet, it is told to be over: the order may wait for it."""
    crossed, failed = await report(incident), await report(incident)
    for case in (crossed, failed):
        await incident.hear(Orders(case).claimed())
        assert (await decide(incident, case, "ask", question="哪一盏？")).status_code == 201
    await incident.hear(Orders(crossed).handled(), Orders(failed).checked(-1, passed=False))
    await incident.hear(Orders(failed).handled(-0.5))
    [told] = await incident.said(CaseAnswered)
    assert (told.case_no, told.number, told.answer, told.opening) == (crossed.case_no, 1, None, 0)
    for case in (crossed, failed):
        assert (await incident.http.get(f"/v1/track/{case.tracking_code}")).json()["question"] is None
    assert (await decide(incident, failed, "ask", question="几点？")).json()["number"] == 2
