"""The desk corrects cases, on real NATS and PostgreSQL: incident and dispatch together."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from libs.contracts.dispatch import InspectionAssigned, InspectionCancelled, OrderCorrected, OrderMoved, OrderOffered
from libs.contracts.incident import CaseCorrected, CaseRegistered
from tests.support.both import BESIDE, Both, make_both
from tests.support.dispatch import TENANT, act, answer
from tests.support.stage import MakeStage


@pytest.fixture
async def both(stage: MakeStage) -> Both:
    return await make_both(stage, beside=True)


async def correct(both: Both, case: dict[str, str], **right: Any) -> httpx.Response:
    body = {"tenant": TENANT, "by_member": "M0007", "reason": "写错了", **right}
    return await both.incident.http.post(f"/v1/cases/{case['case_no']}/correct", json=body)


async def taken(both: Both, key: str = "k-1", **more: Any) -> dict[str, str]:
    answer = await both.report(key, **more)
    assert answer.status_code == 201, answer.text
    await both.settled()
    receipt: dict[str, str] = answer.json()
    return receipt


async def test_on_the_wrong_side_of_a_border_its_order_begins_again_on_the_right_one(both: Both) -> None:
    case = await taken(both)
    [order] = await both.orders()
    await act(both.dispatch, order["order_id"], "claim", "M1")
    await both.settled()
    right = {"place": {"point": {"longitude": 1.5, "latitude": 0.5}, "name": "东头"}}
    done = await correct(both, case, **right)
    assert done.json() == {"case_no": case["case_no"], "state": "in_progress", "corrected": ["place"]}
    await both.settled()
    [after] = await both.orders()
    assert (after["order_id"], after["unit"], after["state"]) == (order["order_id"], BESIDE, "offered")
    assert after["place"] == right["place"]
    assert after["because"][0]["zh"] == "案件已更正：写错了"
    [moved] = await both.dispatch.said(OrderMoved)
    assert (moved.from_org, moved.org_id, moved.taken_from) == ("P4", "P5", ("M1",))
    offered = (await both.dispatch.said(OrderOffered))[-1]
    assert offered.place.name == "东头"
    shown = await both.case(case)
    assert (shown["longitude"], shown["place_name"], shown["handle_by"]) == (1.5, "东头", after["handle_by"])
    [step] = [step["details"] for step in shown["timeline"] if step["step"] == "corrected"]
    assert step["before"] == {"longitude": 0.5, "latitude": 0.5, "accuracy_m": None, "place_name": None}
    assert (step["by_member"], step["reason"]) == ("M0007", "写错了")
    refused = await both.dispatch.http.post(
        f"/v1/orders/{order['order_id']}/hand_in", json={"tenant": TENANT, "member_id": "M1", "note": "好了"}
    )
    assert refused.status_code == 409
    await act(both.dispatch, order["order_id"], "claim", offered.offered_to[0])


async def test_the_same_again_changes_nothing_and_what_it_said_is_shown_as_of_then(both: Both) -> None:
    case = await taken(both)
    before = (await both.case(case))["timeline"][-1]["recorded_at"]
    for _ in range(2):
        assert (await correct(both, case, text="两盏路灯不亮")).status_code == 200
    await both.settled()
    assert [fact.corrections for fact in await both.incident.said(CaseCorrected)] == [1]
    assert (await both.case(case))["text"] == "两盏路灯不亮"
    assert (await both.case(case, as_of=before))["text"] == "路灯不亮"
    [told] = await both.dispatch.said(OrderCorrected)
    assert told.summary == "两盏路灯不亮"
    shown = (await both.incident.http.get(f"/v1/track/{case['tracking_code']}")).json()
    assert [step["zh"] for step in shown["timeline"]].count("已更正") == 1
    assert "写错了" not in str(shown)


async def test_a_component_that_looks_like_somebody_s_number_is_refused(both: Both) -> None:
    refused = await correct(both, await taken(both), component="13800000000")
    assert (refused.status_code, refused.json()["title"]) == (422, "Invalid component")


async def test_a_correction_is_no_part_of_what_a_key_stands_for(both: Both) -> None:
    case = await taken(both)
    await correct(both, case, text="两盏路灯不亮")
    assert (await both.report()).json()["case_no"] == case["case_no"]


async def test_after_the_hand_in_only_words_are_corrected(both: Both) -> None:
    case = await taken(both)
    [order] = await both.orders()
    await act(both.dispatch, order["order_id"], "claim", "M1")
    await act(both.dispatch, order["order_id"], "hand_in", "M1", note="好了")
    # On its way to incident the hand-in is not known there yet: what the order says is corrected, where it is stays.
    await correct(both, case, place={"point": {"longitude": 1.5, "latitude": 0.5}}, reported_by_member="M1")
    await both.settled()
    [handled] = await both.orders()
    assert (handled["state"], handled["unit"], handled["place"]["point"]["longitude"]) == (
        "handled",
        order["unit"],
        1.5,
    )
    [check] = (await both.dispatch.http.get("/v1/inspections", params={"tenant": TENANT})).json()["items"]
    assert check["place"]["point"]["longitude"] == 1.5
    refused = await correct(both, case, category="11002")
    assert refused.status_code == 409
    assert refused.json()["state"] == "resolved"
    assert [each["move"] for each in refused.json()["allowed"]] == ["void", "reword"]
    await act(both.dispatch, order["order_id"], "check", "M2", passed=True)
    await both.settled()
    assert (await correct(both, case, text="没有名字")).status_code == 200
    await both.settled()
    [checked] = await both.orders()
    assert (checked["state"], checked["summary"]) == ("checked", "没有名字")


async def test_claims_and_corrections_at_once_leave_one_order_that_one_member_has_or_nobody(both: Both) -> None:
    case = await taken(both)
    [order] = await both.orders()
    claim = {"tenant": TENANT, "member_id": order["offered_to"][0]}
    places = [{"point": {"longitude": at, "latitude": 0.5}} for at in (1.5, 0.4, 1.6)]
    answers = await asyncio.gather(
        both.dispatch.http.post(f"/v1/orders/{order['order_id']}/claim", json=claim),
        *(correct(both, case, place=place) for place in places),
    )
    assert [each.status_code for each in answers[1:]] == [200, 200, 200]
    await both.settled()
    [after] = await both.orders()
    shown = await both.case(case)
    assert after["place"]["point"]["longitude"] == shown["longitude"]
    assert after["unit"] == (BESIDE if shown["longitude"] > 1 else order["unit"])
    assert (after["member_id"] is None) == (after["state"] == "offered")
    assert await both.dispatch.kept() == await both.incident.kept() == []


async def test_who_is_to_verify_hears_of_the_right_place_or_somebody_nearer_is_sent(both: Both) -> None:
    case = await taken(both, category="11003")
    [sent] = await both.dispatch.said(InspectionAssigned)
    await correct(both, case, text="围墙倾斜")
    await both.settled()
    told = (await both.dispatch.said(InspectionAssigned))[-1]
    assert (told.member_id, told.summary) == (sent.member_id, "围墙倾斜")
    assert await both.dispatch.said(InspectionCancelled) == []
    await correct(both, case, place={"point": {"longitude": 1.5, "latitude": 0.5}})
    await both.settled()
    there = (await both.dispatch.said(InspectionAssigned))[-1]
    assert (there.unit, there.member_id) == (BESIDE, "N1")
    [relieved] = await both.dispatch.said(InspectionCancelled)
    assert relieved.member_id == sent.member_id
    assert (await answer(both.dispatch, there.inspection_id, "N1")).status_code == 200
    await both.settled()
    [registered] = await both.incident.said(CaseRegistered)
    assert (registered.summary, registered.place.point and registered.place.point.longitude) == ("围墙倾斜", 1.5)


async def test_a_whole_list_is_corrected_at_once_each_answered_on_its_own(both: Both) -> None:
    cases = [await taken(both, f"k-{n}") for n in range(3)]
    await both.incident.http.post(
        f"/v1/cases/{cases[1]['case_no']}/void", json={"tenant": TENANT, "by_member": "M0007", "reason": "test"}
    )
    numbers = [*(case["case_no"] for case in cases), "20261123-999999"]
    body = {"tenant": TENANT, "by_member": "M0007", "reason": "类别选错", "category": "11002", "case_nos": numbers}
    answers = (await both.incident.http.post("/v1/cases/corrections", json=body)).json()
    assert [(each["case_no"], each["status"]) for each in answers] == list(
        zip(numbers, (200, 409, 200, 404), strict=True)
    )
    await both.settled()
    assert {order["category"] for order in await both.orders(state="offered")} == {"11002"}


@pytest.mark.parametrize(
    ("right", "status", "says"),
    [
        ({}, 422, "更正什么"),
        ({"category": "99999"}, 422, "99999"),
        ({"text": ""}, 422, "text"),
        ({"reason": " ", "text": "好"}, 422, "reason"),
        ({"colour": "red"}, 422, "colour"),
    ],
)
async def test_what_is_no_correction_is_refused_in_words(
    both: Both, right: dict[str, Any], status: int, says: str
) -> None:
    case = await taken(both)
    body = {"tenant": TENANT, "by_member": "M0007", "reason": "写错了", **right}
    refused = await both.incident.http.post(
        f"/v1/cases/{case['case_no']}/correct", json=body, headers={"Accept-Language": "zh"}
    )
    assert refused.status_code == status
    assert says in refused.text


async def test_an_errand_with_papers_becomes_no_snapshot(both: Both) -> None:
    case = await taken(both, request_kind="errand", documents=["户口簿"])
    refused = await correct(both, case, request_kind="snapshot")
    assert (refused.status_code, refused.json()["title"]) == (409, "Not for this kind of report")
    assert (await correct(both, case, request_kind="service_order")).status_code == 200
