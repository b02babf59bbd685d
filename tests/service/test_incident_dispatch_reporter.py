"""What a reporter and the desk say to one another, on real NATS and PostgreSQL: incident and dispatch together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from libs.contracts.dispatch import (
    InspectionCancelled,
    OrderCancelled,
    OrderChecked,
    OrderContinued,
    OrderHandled,
    OrderMoved,
    OrderPaused,
)
from libs.contracts.incident import (
    CaseAnswered,
    CaseClosed,
    CaseCorrected,
    CaseFollowed,
    CaseRejected,
    CaseUnfollowed,
    CaseVoided,
)
from libs.contracts.values import Registration, Unanswered
from tests.support.both import Both, make_both
from tests.support.dispatch import TENANT, act
from tests.support.incident import MEMBER, category
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
            "其他人也反映或关注了同一事项，案件继续办理，不能撤回。",
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
    assert (await act(both.dispatch, order["order_id"], "hand_in", "M1", **done))["result"] == done["result"]
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
    await act(both.dispatch, order["order_id"], "hand_in", "M1", note="好了", result="好了")
    await act(both.dispatch, order["order_id"], "check", "M2", passed=False, note="没有亮", result="还没有好")
    await act(both.dispatch, order["order_id"], "hand_in", "M1", note="这次好了", result="好了")
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


async def ask(both: Both, case: dict[str, str], question: str = "是哪一盏灯？", **more: Any) -> httpx.Response:
    body = {"tenant": TENANT, "by_member": MEMBER, "question": question, **more}
    return await both.incident.http.post(f"/v1/cases/{case['case_no']}/ask", json=body)


async def reply(
    both: Both, case: dict[str, str], words: str = "东头第三盏", number: int = 1, **more: Any
) -> httpx.Response:
    body = {"number": number, "words": words, **more}
    return await both.incident.http.post(f"/v1/track/{case['tracking_code']}/answer", json=body)


async def time_is_over(both: Both) -> None:
    async with both.incident.database() as db:
        await db.execute(text("UPDATE timers SET due_at = now() - interval '1 s' WHERE name = 'AnswerClock'"))
    await both.incident.fire_timers()
    await both.settled()


async def test_a_question_stops_the_clock_until_it_is_answered(both: Both) -> None:
    case = await taken(both)
    [before] = await both.orders()
    asked = await ask(both, case)
    assert (asked.status_code, asked.json()["number"]) == (201, 1)
    assert (await ask(both, case)).json() == asked.json()
    assert (await ask(both, case, "几点钟？")).status_code == 409
    await both.settled()
    [paused] = await both.orders()
    assert (paused["state"], paused["light"]) == ("offered", None)
    assert paused["paused_at"] is not None
    async with both.dispatch.database() as db:
        clock = await db.one(text("SELECT count(*) FROM timers WHERE name = 'OrderClock'"))
    assert clock is not None
    assert clock[0] == 0
    shown = (await tracked(both, case))["question"]
    assert (shown["number"], shown["question"]) == (1, "是哪一盏灯？")
    assert (await reply(both, case)).json() == {"case_no": case["case_no"], "state": "registered"}
    assert (await reply(both, case)).status_code == 200
    assert (await reply(both, case, "西头")).status_code == 409
    await both.settled()
    [order] = await both.orders()
    assert order["paused_at"] is None
    assert order["light"] == "green"
    assert order["claim_by"] >= before["claim_by"]
    [told], [answered] = await both.dispatch.said(OrderContinued), await both.incident.said(CaseAnswered)
    assert (told.answer, answered.answer) == ("东头第三盏", "东头第三盏")
    assert (await both.case(case))["handle_by"] == order["handle_by"]
    assert (await tracked(both, case))["question"] is None
    assert (await ask(both, case, "几点钟？")).json()["number"] == 2


async def test_an_answer_with_another_place_corrects_it(both: Both) -> None:
    case = await taken(both)
    await ask(both, case)
    await both.settled()
    await reply(both, case, "在二微", place={"point": {"longitude": 1.5, "latitude": 0.5}})
    await both.settled()
    [corrected] = await both.incident.said(CaseCorrected)
    assert (corrected.by_member, corrected.reason) == (None, "在二微")
    assert len(await both.dispatch.said(OrderMoved)) == 1
    [order] = await both.orders()
    assert (order["unit"], order["paused_at"]) == ("37078400420102", None)


async def test_without_an_answer_the_case_goes_on_by_itself(both: Both) -> None:
    case = await taken(both)
    await ask(both, case)
    await both.settled()
    await time_is_over(both)
    [answered] = await both.incident.said(CaseAnswered)
    assert answered.answer is None
    [order] = await both.orders()
    assert order["paused_at"] is None
    late = await reply(both, case)
    assert (late.status_code, late.json()["title"]) == (409, "Not possible now")
    assert (await tracked(both, case))["question"] is None


async def test_or_ends_where_its_category_says_so(both: Both) -> None:
    await both.incident.hear(category("11001", unanswered=Unanswered.END, minute=9_999_999))
    case, waiting = await taken(both), await taken(both, "k-2", category="11002")
    await both.incident.hear(category("11002", Registration.ACCEPTOR, unanswered=Unanswered.END, minute=9_999_999))
    await ask(both, case)
    await ask(both, waiting)
    await both.settled()
    await time_is_over(both)
    [voided], [rejected] = await both.incident.said(CaseVoided), await both.incident.said(CaseRejected)
    assert (voided.case_no, voided.end_reason) == (case["case_no"], "unclear")
    assert (rejected.case_no, rejected.end_reason) == (waiting["case_no"], "unclear")
    assert len(await both.dispatch.said(OrderCancelled)) == 1
    assert (await reply(both, case)).status_code == 409
    assert await both.dispatch.said(OrderContinued) == []


async def claimed_and_asked(both: Both) -> tuple[dict[str, str], UUID]:
    """A case and its order, which waits for an answer."""
    case = await taken(both)
    [order] = await both.orders()
    await act(both.dispatch, order["order_id"], "claim", "M1")
    await both.settled()
    await ask(both, case)
    await both.settled()
    return case, UUID(order["order_id"])


async def test_what_is_handed_in_meanwhile_needs_no_answer(both: Both) -> None:
    case, order_id = await claimed_and_asked(both)
    assert len(await both.dispatch.said(OrderPaused)) == 1
    await act(both.dispatch, order_id, "hand_in", "M1", note="好了")
    await both.settled()
    assert (await reply(both, case)).json()["state"] == "resolved"
    await time_is_over(both)
    [handled] = await both.orders()
    assert (handled["state"], handled["paused_at"]) == ("handled", None)
    assert await both.dispatch.said(OrderContinued) == []
    assert await both.dispatch.kept() == await both.incident.kept() == []


async def in_work_and_asked(both: Both) -> tuple[dict[str, str], UUID]:
    """A case, and its order, of a category that ends without an answer."""
    await both.incident.hear(category("11001", unanswered=Unanswered.END, minute=9_999_999))
    return await claimed_and_asked(both)


async def test_a_question_is_over_with_the_hand_in_also_where_the_check_fails(both: Both) -> None:
    case, order_id = await in_work_and_asked(both)
    await act(both.dispatch, order_id, "hand_in", "M1", note="好了")
    await act(both.dispatch, order_id, "check", "M2", passed=False, note="灯罩未装")
    await both.settled()
    assert (await tracked(both, case))["question"] is None
    late = await both.incident.http.post(
        f"/v1/track/{case['tracking_code']}/answer",
        json={"number": 1, "words": "东头"},
        headers={"Accept-Language": "zh"},
    )
    assert (late.status_code, late.json()["detail"]) == (409, "案件之后已有进展，这个问题不再需要补充")
    assert (await ask(both, case, "几点钟？")).json()["number"] == 2
    async with both.incident.database() as db:
        await db.execute(text("UPDATE timers SET due_at = now() - interval '1 s' WHERE body->>'number' = '1'"))
    await both.incident.fire_timers()
    await both.settled()
    assert (await both.case(case))["state"] == "in_progress"
    assert (await tracked(both, case))["question"]["number"] == 2
    assert (await both.orders())[0]["paused_at"] is not None


async def test_a_question_is_over_with_the_hand_in_also_where_the_case_is_opened_again(both: Both) -> None:
    case, order_id = await in_work_and_asked(both)
    await act(both.dispatch, order_id, "hand_in", "M1", note="好了")
    await act(both.dispatch, order_id, "check", "M2", passed=True)
    await both.settled()
    path = f"/v1/track/{case['tracking_code']}/feedback"
    assert (await both.incident.http.post(path, json={"satisfied": False, "words": "没修"})).status_code == 200
    await both.settled()
    assert (await tracked(both, case))["question"] is None
    await time_is_over(both)
    assert (await both.case(case))["state"] == "in_progress"
    assert await both.incident.said(CaseVoided) == []


async def test_a_question_is_over_with_the_merging_also_where_that_is_undone(both: Both) -> None:
    case, _ = await in_work_and_asked(both)
    survivor = await taken(both, "k-2")
    said = {"tenant": TENANT, "by_member": MEMBER, "note": "另一盏"}
    for move, into in (("merge", {"into": survivor["case_no"]}), ("unmerge", {})):
        done = await both.incident.http.post(f"/v1/cases/{case['case_no']}/{move}", json={**said, **into})
        assert done.status_code == 200, done.text
        await both.settled()
    assert (await tracked(both, case))["question"] is None
    await time_is_over(both)
    assert (await both.case(case))["state"] == "registered"
    assert await both.incident.said(CaseVoided) == []
    assert (await ask(both, case, "几点钟？")).json()["number"] == 2


async def test_a_question_is_put_while_there_is_something_to_do_and_in_good_time(both: Both) -> None:
    case = await taken(both)
    for away in (timedelta(minutes=5), timedelta(days=31)):
        refused = await ask(both, case, answer_by=(datetime.now(UTC) + away).isoformat())
        assert refused.status_code == 422
    assert (await reply(both, case)).status_code == 404
    await both.incident.http.post(f"/v1/track/{case['tracking_code']}/withdraw", json={})
    refused = await ask(both, case)
    assert (refused.status_code, refused.json()["state"]) == (409, "void")


async def follow(both: Both, case_no: str, key: str = "f-1") -> httpx.Response:
    body = {"tenant": TENANT, "case_no": case_no, "contact": {"email": "li@mail.example"}}
    return await both.incident.http.post("/v1/follow", json=body, headers={"Idempotency-Key": key})


async def test_another_resident_follows_instead_of_reporting_again(both: Both) -> None:
    case = await taken(both)
    answers = [await follow(both, case["case_no"]) for _ in range(2)]
    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["followers"] == 1
    second = (await follow(both, case["case_no"], "f-2")).json()
    assert second["followers"] == 2
    await both.settled()
    assert [fact.followers for fact in await both.incident.said(CaseFollowed)] == [1, 2]
    shown = (await both.incident.http.get(f"/v1/track/{second['tracking_code']}")).json()
    assert (shown["following"], shown["case_no"], shown["state"]) == (True, case["case_no"], "registered")
    assert (shown["feedback"]["open"], shown["question"], shown["documents"]) == (False, None, [])
    assert (await both.case(case))["followers"] == 2
    refused = await both.incident.http.post(f"/v1/track/{case['tracking_code']}/withdraw", json={})
    assert refused.status_code == 409
    for code, left in (
        (second["tracking_code"], 1),
        (second["tracking_code"], 1),
        (answers[0].json()["tracking_code"], 0),
    ):
        ended = await both.incident.http.post(f"/v1/track/{code}/unfollow")
        assert ended.json()["followers"] == left
    await both.settled()
    assert len(await both.incident.said(CaseUnfollowed)) == 2
    assert (await both.incident.http.post(f"/v1/track/{case['tracking_code']}/withdraw", json={})).status_code == 200


async def test_who_follows_a_merged_case_follows_the_one_that_survives_and_what_is_over_is_not_followed(
    both: Both,
) -> None:
    case, same = await taken(both), await taken(both, "k-2")
    merged = {"tenant": TENANT, "by_member": MEMBER, "into": case["case_no"]}
    await both.incident.http.post(f"/v1/cases/{same['case_no']}/merge", json=merged)
    assert (await follow(both, same["case_no"])).json()["case_no"] == case["case_no"]
    other = await taken(both, "k-3", at=1.5)
    assert (await follow(both, other["case_no"])).json()["title"] == "Key used for another case"
    await both.incident.http.post(f"/v1/track/{other['tracking_code']}/withdraw", json={})
    over = await follow(both, other["case_no"], "f-3")
    assert (over.status_code, over.json()["state"]) == (409, "void")
    assert (await follow(both, "20261123-999999", "f-4")).status_code == 404
    no_key = {"tenant": TENANT, "case_no": case["case_no"]}
    assert (await both.incident.http.post("/v1/follow", json=no_key)).status_code == 422
    assert (await both.incident.http.post("/v1/track/222222222222A/unfollow")).status_code == 404


async def test_a_wish_to_follow_that_is_sent_again_has_the_same_answer_after_a_merging_too(both: Both) -> None:
    case, survivor = await taken(both), await taken(both, "k-2")
    first = (await follow(both, case["case_no"])).json()
    merged = {"tenant": TENANT, "by_member": MEMBER, "into": survivor["case_no"]}
    await both.incident.http.post(f"/v1/cases/{case['case_no']}/merge", json=merged)
    again = await follow(both, case["case_no"])
    assert (again.status_code, again.json()["tracking_code"]) == (201, first["tracking_code"])
    assert again.json()["case_no"] == first["case_no"]
    assert (await follow(both, survivor["case_no"])).json()["title"] == "Key used for another case"


async def test_who_stopped_following_follows_again_with_another_key(both: Both) -> None:
    case = await taken(both)
    first = (await follow(both, case["case_no"])).json()
    await both.incident.http.post(f"/v1/track/{first['tracking_code']}/unfollow")
    again = await follow(both, case["case_no"])
    assert (again.status_code, "needs a new one" in again.json()["detail"]) == (409, True)
    assert (await follow(both, case["case_no"], "f-2")).json()["followers"] == 1
