"""Proposals on real NATS and PostgreSQL, incident and dispatch together: raised at meetings, answered, carried out."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from libs.contracts.dispatch import InspectionAssigned, InspectionKind, OrderChecked, OrderHandled, OrderOffered
from libs.contracts.incident import CaseCarriedOut, CaseClosed, CaseRegistered, CaseReported
from libs.contracts.values import RequestKind
from libs.street_time import local_day
from tests.support.both import Both, make_both
from tests.support.dispatch import TENANT, act
from tests.support.meetings import COMMUNITY, GRID, MICRO_GRID, agenda, minutes, record, units
from tests.support.stage import MakeStage

TODAY = local_day(datetime.now(UTC))
IN_MAY = (TODAY + timedelta(days=200)).isoformat()
PLANNED = {"answer": "planned", "planned_for": IN_MAY, "result": "已报入明年项目，电话13800000000"}


@pytest.fixture
async def both(stage: MakeStage) -> Both:
    both = await make_both(stage, beside=True)
    await both.incident.hear(*units())
    return both


async def proposed(both: Both, **more: Any) -> dict[str, str]:
    receipt: dict[str, str] = (await both.report(request_kind="proposal", text="加一盏路灯", **more)).json()
    await both.settled()
    return receipt


async def order_of(both: Both, case: dict[str, str]) -> dict[str, Any]:
    [order] = [each for each in await both.orders() if each["case_no"] == case["case_no"]]
    return order


async def answered(both: Both, case: dict[str, str], **said: Any) -> None:
    order = await order_of(both, case)
    who, other = order["offered_to"][:2]
    await act(both.dispatch, order["order_id"], "claim", who)
    await act(both.dispatch, order["order_id"], "hand_in", who, **said)
    await act(both.dispatch, order["order_id"], "check", other, passed=True)
    await both.settled()


async def tracked(both: Both, case: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = (await both.incident.http.get(f"/v1/track/{case['tracking_code']}")).json()
    return found


async def carry_out(both: Both, case: dict[str, str], words: str = "新路灯已装好，电话13800000000") -> Any:
    body = {"tenant": TENANT, "by_member": "L1", "words": words}
    return await both.incident.http.post(f"/v1/meetings/agenda/{case['case_no']}/done", json=body)


async def past(both: Both, case: dict[str, str]) -> None:
    """As if the day by which it was planned were over."""
    late = text("UPDATE cases SET planned_for = :day WHERE case_no = :case_no")
    async with both.incident.database() as db:
        await db.execute(late, {"day": TODAY - timedelta(days=1), "case_no": case["case_no"]})


async def test_a_proposal_is_answered_and_not_repaired_and_whoever_raised_it_reads_why(both: Both) -> None:
    case = await proposed(both)
    order = await order_of(both, case)
    assert (order["request_kind"], order["evidence"], order["unit"]) == ("proposal", "none", MICRO_GRID)
    [offered] = await both.dispatch.said(OrderOffered)
    assert offered.request_kind is RequestKind.PROPOSAL
    await act(both.dispatch, order["order_id"], "claim", "M1")
    url = f"/v1/orders/{order['order_id']}/hand_in"
    bare = {"tenant": TENANT, "member_id": "M1", "note": "已回复"}
    refused = await both.dispatch.http.post(url, json=bare, headers={"Accept-Language": "zh"})
    assert (refused.status_code, refused.json()["detail"][:17]) == (409, "建议要有答复 answer：acc"[:17])
    view = await act(both.dispatch, order["order_id"], "hand_in", "M1", **PLANNED)
    assert (view["answer"], view["planned_for"]) == ("planned", IN_MAY)
    await both.settled()
    assert (await tracked(both, case))["answer"] is None
    [sent] = await both.dispatch.said(InspectionAssigned)
    assert sent.kind is InspectionKind.REVIEW
    await act(both.dispatch, order["order_id"], "check", "M2", passed=True)
    await both.settled()
    [handled], [checked], [closed] = (
        await both.dispatch.said(OrderHandled),
        await both.dispatch.said(OrderChecked),
        await both.incident.said(CaseClosed),
    )
    for fact in (handled, checked):
        assert (fact.answer, str(fact.planned_for)) == ("planned", IN_MAY)
    assert (closed.proposal_answer, str(closed.planned_for)) == ("planned", IN_MAY)
    shown = await tracked(both, case)
    assert shown["answer"] == {
        "zh": "列入计划",
        "en": "Planned",
        "answer": "planned",
        "planned_for": IN_MAY,
        "carried_out_at": None,
        "carried_out": None,
    }
    assert shown["result"] == closed.result == "已报入明年项目，电话…"
    staff = await both.case(case)
    assert (staff["answer"], staff["planned_for"]) == ("planned", IN_MAY)
    assert [e["details"]["answer"] for e in staff["timeline"] if e["step"] == "passed"] == ["planned"]


async def test_no_other_case_takes_an_answer(both: Both) -> None:
    case = (await both.report()).json()
    await both.settled()
    order = await order_of(both, case)
    await act(both.dispatch, order["order_id"], "claim", "M1")
    body = {"tenant": TENANT, "member_id": "M1", "note": "换了灯泡", "answer": "accepted", "result": "换了"}
    refused = await both.dispatch.http.post(f"/v1/orders/{order['order_id']}/hand_in", json=body)
    assert (refused.status_code, "only a proposal" in refused.json()["detail"]) == (409, True)


async def test_minutes_make_a_case_of_each_matter_and_the_same_again_is_the_same(both: Both) -> None:
    answers = [await record(both.incident), await record(both.incident)]
    assert [answer.status_code for answer in answers] == [201, 201], answers[0].text
    first, again = (answer.json() for answer in answers)
    assert first == again
    await both.settled()
    reported = await both.incident.said(CaseReported)
    assert [fact.case_no for fact in reported] == [matter["case_no"] for matter in first["matters"]]
    assert [fact.reporter_id is None for fact in reported] == [False, True]
    assert {fact.request_kind for fact in await both.incident.said(CaseRegistered)} == {"proposal"}
    lamp, square = first["matters"]
    assert [(await order_of(both, each))["unit"] for each in (lamp, square)] == [GRID, MICRO_GRID]
    case = await both.case(lamp)
    assert (case["meeting_id"], case["place_name"]) == (first["meeting_id"], "凌河村")
    assert case["timeline"][0]["details"]["meeting_id"] == first["meeting_id"]
    shown = await both.incident.http.get(f"/v1/meetings/{first['meeting_id']}", params={"tenant": TENANT})
    assert [matter["text"] for matter in shown.json()["matters"]] == [m["text"] for m in minutes()["matters"]]
    assert shown.json()["place"]["name"] == "村委会"
    other = await record(both.incident, by_member="M2")
    assert (other.status_code, other.json()["title"]) == (422, "Key used for another meeting")


async def test_whose_matter_has_a_phone_number_only_is_told_that_nobody_hears_by_it(both: Both) -> None:
    raised = [
        {"category": "11001", "text": "村口能不能加一盏路灯？", "contact": c} for c in ({"phone": "13800000000"}, None)
    ]
    for _ in range(2):
        answer = await record(both.incident, matters=raised)
        assert answer.status_code == 201, answer.text
        phone, nothing = answer.json()["matters"]
        assert "目前不发短信" in phone["note"]
        assert "note" not in nothing


async def test_the_same_minutes_at_once_are_recorded_once(both: Both) -> None:
    answers = await asyncio.gather(*(record(both.incident) for _ in range(5)))
    assert len({answer.text for answer in answers}) == 1
    assert len(await both.incident.said(CaseReported)) == 2


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"matters": [{"category": "11001", "text": "灯"}, {"category": "99999", "text": "灯"}]}, "matters.1.category"),
        ({"matters": []}, "matters"),
        ({"matters": [{"category": "11001", "text": "灯"}] * 51}, "matters"),
        ({"unit": "370784004999"}, "370784004999"),
        ({"held_at": (datetime.now(UTC) + timedelta(days=1)).isoformat()}, "held_at"),
        ({"standing": [{"case_no": "20200101-000001", "words": "在办"}]}, "20200101-000001"),
        ({"standing": [{"case_no": "20200101-000001", "words": "在办"}] * 2}, "standing"),
        ({"place": {"name": "村\0委会"}}, "place.name"),
        ({"theme": "路灯"}, "theme"),
    ],
)
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_of_wrong_minutes_nothing_is_taken(both: Both, more: dict[str, Any], said: str, language: str) -> None:
    refused = await record(both.incident, language=language, **more)
    assert refused.status_code == 422, refused.text
    assert said in refused.text
    assert await both.incident.said(CaseReported) == []
    assert (await record(both.incident)).status_code == 201


async def test_what_is_no_proposal_is_not_reported_on(both: Both) -> None:
    case = (await both.report()).json()
    standing = [{"case_no": case["case_no"], "words": "在办"}]
    refused = await record(both.incident, matters=[], standing=standing)
    assert (refused.status_code, "is no proposal" in refused.json()["detail"]) == (422, True)


async def test_meetings_are_read_by_unit_a_page_at_a_time(both: Both) -> None:
    ids = [
        (await record(both.incident, f"m-{n}", unit=unit)).json()["meeting_id"]
        for n, unit in enumerate((GRID, MICRO_GRID, COMMUNITY))
    ]

    async def page(unit: str, **more: Any) -> dict[str, Any]:
        asked = {"tenant": TENANT, "unit": unit, **more}
        answer: dict[str, Any] = (await both.incident.http.get("/v1/meetings", params=asked)).json()
        return answer

    first = await page(COMMUNITY, limit=2)
    rest = await page(COMMUNITY, limit=2, after=first["next"])
    assert [m["meeting_id"] for m in first["items"] + rest["items"]] == ids[::-1]
    assert rest["next"] is None
    assert [m["meeting_id"] for m in (await page(GRID))["items"]] == [ids[1], ids[0]]
    nowhere = await both.incident.http.get("/v1/meetings", params={"tenant": TENANT, "unit": "370784004999"})
    assert (nowhere.status_code, "370784004999" in nowhere.json()["detail"]) == (404, True)
    unknown = await both.incident.http.get(f"/v1/meetings/{UUID(int=7)}", params={"tenant": TENANT})
    assert unknown.status_code == 404


async def test_the_agenda_has_what_is_open_where_it_was_raised_or_lies(both: Both) -> None:
    beside = await proposed(both, key="k-2", at=1.5)
    recorded = (await record(both.incident, unit=MICRO_GRID)).json()
    await both.report("k-3", at=1.5)
    await both.settled()
    here = {matter["case_no"] for matter in recorded["matters"]}
    on = {unit: {item["case_no"] for item in await agenda(both.incident, unit)} for unit in (GRID, MICRO_GRID)}
    assert on == {GRID: {beside["case_no"], *here}, MICRO_GRID: here}
    assert [item["meetings"] for item in await agenda(both.incident, TENANT)] == [0, 1, 1]
    pages = [await agenda(both.incident, GRID, limit=1)]
    assert [item["case_no"] for item in pages[0]] == [beside["case_no"]]
    await answered(both, beside, answer="declined", result="该路段归县道")
    assert {item["case_no"] for item in await agenda(both.incident)} == here


async def test_a_plan_comes_back_until_the_desk_says_that_it_is_carried_out(both: Both) -> None:
    case = await proposed(both)
    await answered(both, case, **PLANNED)
    [item] = await agenda(both.incident)
    assert (item["answer"], item["planned_for"], item["late"], item["meetings"]) == ("planned", IN_MAY, False, 0)
    assert item["state_in_words"]["zh"] == "已结案"
    heard: dict[str, Any] = {"matters": [], "standing": [{"case_no": case["case_no"], "words": "项目已批，明春施工"}]}
    before = await record(both.incident, "m-0", **heard)
    assert before.status_code == 201
    [item] = await agenda(both.incident)
    assert item["meetings"] == 1, "that meeting was before the answer"
    now = datetime.now(UTC).isoformat()
    assert (await record(both.incident, "m-1", held_at=now, **heard)).status_code == 201
    assert await agenda(both.incident) == []
    await past(both, case)
    [item] = await agenda(both.incident)
    assert (item["late"], item["meetings"]) == (True, 2)
    for _ in range(2):
        done = await carry_out(both, case)
        assert done.json() == {"case_no": case["case_no"], "state": "closed"}
    assert await agenda(both.incident) == []
    [fact] = await both.incident.said(CaseCarriedOut)
    assert (fact.words, fact.by_member) == ("新路灯已装好，电话…", "L1")
    shown = await tracked(both, case)
    assert shown["answer"]["carried_out"] == "新路灯已装好，电话…"
    assert shown["answer"]["carried_out_at"] is not None
    assert "项目已批" not in str(shown)
    steps = [entry["step"] for entry in (await both.case(case))["timeline"]]
    assert steps.count("discussed") == 2
    assert steps[-1] == "carried_out"


async def test_only_a_plan_is_carried_out(both: Both) -> None:
    case = await proposed(both)
    refused = await carry_out(both, case)
    assert (refused.status_code, refused.json()["state"]) == (409, "registered")
    await answered(both, case, answer="accepted", result="下月起每晚开放")
    assert (await carry_out(both, case)).status_code == 409
    assert (await carry_out(both, {"case_no": "20200101-000001"})).status_code == 404


async def test_a_case_is_corrected_to_a_proposal_and_back_until_it_is_handed_in(both: Both) -> None:
    case = (await both.report()).json()
    await both.settled()
    assert await agenda(both.incident) == []
    for kind, listed, evidence in (("proposal", 1, "none"), ("snapshot", 0, "note"), ("proposal", 1, "none")):
        right = {"tenant": TENANT, "by_member": "L1", "reason": "是建议不是报修", "request_kind": kind}
        assert (await both.incident.http.post(f"/v1/cases/{case['case_no']}/correct", json=right)).status_code == 200
        await both.settled()
        assert len(await agenda(both.incident)) == listed
        assert (await order_of(both, case))["evidence"] == evidence
    await answered(both, case, answer="accepted", result="已采纳")
    late = await both.incident.http.post(
        f"/v1/cases/{case['case_no']}/correct", json=right | {"request_kind": "snapshot"}
    )
    assert late.status_code == 409


async def test_a_unit_that_is_given_up_has_no_more_meetings(both: Both) -> None:
    gone = units()[2].model_copy(update={"active": False, "occurred_at": datetime.now(UTC)})
    await both.incident.hear(gone, units()[2])
    refused = await record(both.incident)
    assert (refused.status_code, GRID in refused.json()["detail"]) == (422, True)
