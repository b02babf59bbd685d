"""What a reporter and the desk say to one another, on real NATS and PostgreSQL: incident and dispatch together."""

from __future__ import annotations

from typing import Any

import pytest

from libs.contracts.dispatch import InspectionCancelled, OrderCancelled, OrderChecked, OrderHandled
from libs.contracts.incident import CaseClosed, CaseVoided
from tests.support.both import Both, make_both
from tests.support.dispatch import TENANT, act
from tests.support.incident import MEMBER
from tests.support.stage import MakeStage


@pytest.fixture
async def both(stage: MakeStage) -> Both:
    return await make_both(stage, beside=True)


async def taken(both: Both, key: str = "k-1", **more: Any) -> dict[str, str]:
    receipt: dict[str, str] = (await both.report(key, **more)).json()
    await both.settled()
    return receipt


async def tracked(both: Both, case: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = (await both.incident.http.get(f"/v1/track/{case['tracking_code']}")).json()
    return found


async def test_a_report_that_is_taken_back_ends_and_whoever_was_offered_its_order_is_told(both: Both) -> None:
    case = await taken(both)
    path = f"/v1/track/{case['tracking_code']}/withdraw"
    for _ in range(2):
        done = await both.incident.http.post(path, json={"words": "灯自己亮了"})
        assert done.json() == {"case_no": case["case_no"], "state": "void"}
    await both.settled()
    [voided] = await both.incident.said(CaseVoided)
    assert voided.end_reason == "withdrawn"
    [cancelled] = await both.dispatch.said(OrderCancelled)
    assert cancelled.because == "voided"
    assert (await tracked(both, case))["reason"]["zh"] == "上报人撤回"
    [step] = [e["details"] for e in (await both.case(case))["timeline"] if e["step"] == "void"]
    assert step["words"] == "灯自己亮了"


async def test_nobody_is_sent_to_verify_what_was_taken_back(both: Both) -> None:
    case = await taken(both, category="11003")
    await both.incident.http.post(f"/v1/track/{case['tracking_code']}/withdraw", json={})
    await both.settled()
    assert len(await both.dispatch.said(InspectionCancelled)) == 1


async def test_it_is_not_taken_back_once_somebody_is_on_the_way_or_others_reported_it(both: Both) -> None:
    case, same = await taken(both), await taken(both, "k-2")
    merged = {"tenant": TENANT, "by_member": MEMBER, "into": case["case_no"]}
    assert (await both.incident.http.post(f"/v1/cases/{same['case_no']}/merge", json=merged)).status_code == 200
    for one in (case, same):
        refused = await both.incident.http.post(
            f"/v1/track/{one['tracking_code']}/withdraw", json={}, headers={"Accept-Language": "zh"}
        )
        assert (refused.status_code, refused.json()["detail"]) == (
            409,
            "其他人也反映了同一事项，案件继续办理，不能撤回。",
        )
    alone = await taken(both, "k-3", at=1.5)
    [order] = await both.orders(unit="37078400420102")
    await act(both.dispatch, order["order_id"], "claim", order["offered_to"][0])
    await both.settled()
    late = await both.incident.http.post(f"/v1/track/{alone['tracking_code']}/withdraw", json={})
    assert (late.status_code, late.json()["state"]) == (409, "in_progress")


async def test_the_reporter_reads_what_was_done_in_the_words_of_the_member_or_the_checker(both: Both) -> None:
    case = await taken(both)
    [order] = await both.orders()
    await act(both.dispatch, order["order_id"], "claim", "M1")
    done = {"note": "换了镇流器，库存剩二", "result": "灯已换好，电话13800000000"}
    assert (await act(both.dispatch, order["order_id"], "hand-in", "M1", **done))["result"] == done["result"]
    await both.settled()
    assert (await tracked(both, case))["result"] is None
    await act(both.dispatch, order["order_id"], "check", "M2", passed=True)
    await both.settled()
    [handled], [checked], [closed] = (
        await both.dispatch.said(OrderHandled),
        await both.dispatch.said(OrderChecked),
        await both.incident.said(CaseClosed),
    )
    assert (handled.result, checked.result, closed.result) == (done["result"], done["result"], "灯已换好，电话…")
    shown = await tracked(both, case)
    assert shown["result"] == "灯已换好，电话…"
    assert "库存" not in str(shown)
    assert (await both.case(case))["result"] == "灯已换好，电话…"


async def test_who_checks_may_say_it_better_and_what_failed_says_nothing(both: Both) -> None:
    case = await taken(both)
    [order] = await both.orders()
    await act(both.dispatch, order["order_id"], "claim", "M1")
    await act(both.dispatch, order["order_id"], "hand-in", "M1", note="好了", result="好了")
    await act(both.dispatch, order["order_id"], "check", "M2", passed=False, note="没有亮", result="还没有好")
    await act(both.dispatch, order["order_id"], "hand-in", "M1", note="这次好了", result="好了")
    await act(both.dispatch, order["order_id"], "check", "M2", passed=True, result="灯已换新，夜里试过")
    await both.settled()
    failed, passed = await both.dispatch.said(OrderChecked)
    assert (failed.result, passed.result) == ("", "灯已换新，夜里试过")
    assert (await tracked(both, case))["result"] == "灯已换新，夜里试过"


async def test_notes_are_for_colleagues(both: Both) -> None:
    case = await taken(both)
    note = {"tenant": TENANT, "by_member": MEMBER, "words": "家里老人行动不便，先打电话"}
    assert (await both.incident.http.post(f"/v1/cases/{case['case_no']}/notes", json=note)).status_code == 201
    [step] = [e for e in (await both.case(case))["timeline"] if e["step"] == "noted"]
    assert step["details"] == {"by_member": MEMBER, "words": note["words"]}
    assert "老人" not in str(await tracked(both, case))
    unknown = await both.incident.http.post("/v1/cases/20261123-999999/notes", json=note)
    assert unknown.status_code == 404
