"""Approvals on real NATS and PostgreSQL: asked, decided and told over HTTP, with the clocks that follow from them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from libs.contracts.dispatch import (
    AppealUpheld,
    ApprovalAsked,
    ApprovalRefused,
    DeadlineNear,
    OrderExtended,
    OrderOffered,
    OrderOverdue,
    OrderResumed,
    OrderStarted,
    OrderSupervised,
    OrderSuspended,
)
from tests.support.dispatch import TENANT, act, registered
from tests.support.stage import Stage

WISH = {"kind": "extension", "reason": "materials", "note": "等待材料", "amount": 2}


@pytest.fixture
async def order_id(dispatch: Stage) -> UUID:
    """An order that M1 has claimed; P3, the branch of the grid, is above M1's party group."""
    await dispatch.hear(registered())
    [offer] = await dispatch.said(OrderOffered)
    await act(dispatch, offer.order_id, "claim", "M1")
    return offer.order_id


async def ask(dispatch: Stage, order_id: UUID, **wish: object) -> dict[str, Any]:
    return await act(dispatch, order_id, "approvals", "M1", **{**WISH, **wish})


async def decide(dispatch: Stage, order_id: UUID, approval: dict[str, Any], approve: bool, note: str = "") -> Any:
    return await act(
        dispatch, order_id, f"approvals/{approval['approval_id']}/decide", "L1", approve=approve, note=note
    )


async def clock(dispatch: Stage, order_id: UUID) -> Any:
    async with dispatch.database() as db:
        return await db.one(text("SELECT due_at, body FROM timers WHERE key = :key"), {"key": str(order_id)})


async def fire(dispatch: Stage, at: datetime) -> int:
    """How many timers are due by then, once they have fired."""
    async with dispatch.database() as db:
        due = await db.execute(
            text("UPDATE timers SET due_at = now() - (:at - due_at) WHERE due_at <= :at"), {"at": at}
        )
    await dispatch.fire_timers()
    return due


async def test_an_extension_is_asked_for_listed_approved_and_moves_the_clock(dispatch: Stage, order_id: UUID) -> None:
    before = await dispatch.http.get(f"/v1/orders/{order_id}", params={"tenant": TENANT})
    asked = await ask(dispatch, order_id)
    assert (await ask(dispatch, order_id))["approval_id"] == asked["approval_id"]
    pending = {"tenant": TENANT, "org_id": "P3"}
    [listed] = (await dispatch.http.get("/v1/approvals", params=pending)).json()
    assert (listed["approval_id"], listed["state"], listed["asked_by"]) == (asked["approval_id"], "pending", "M1")
    assert (await decide(dispatch, order_id, asked, True))["state"] == "approved"
    assert (await dispatch.http.get("/v1/approvals", params=pending)).json() == []
    [fact] = await dispatch.said(OrderExtended)
    assert len(await dispatch.said(ApprovalAsked)) == 1
    assert fact.handle_by > datetime.fromisoformat(before.json()["handle_by"])
    timer = await clock(dispatch, order_id)
    assert datetime.fromisoformat(timer.body["stage_ends_at"]) == fact.handle_by
    [shown] = (await dispatch.http.get(f"/v1/orders/{order_id}/approvals", params={"tenant": TENANT})).json()
    assert (shown["decided_by"], shown["state"]) == ("L1", "approved")


async def test_of_many_decisions_at_once_one_holds(dispatch: Stage, order_id: UUID) -> None:
    asked = await ask(dispatch, order_id)
    url = f"/v1/orders/{order_id}/approvals/{asked['approval_id']}/decide"
    answers = await asyncio.gather(
        *(
            dispatch.http.post(url, json={"tenant": TENANT, "member_id": "L1", "approve": n % 2 == 0, "note": "不行"})
            for n in range(10)
        )
    )
    assert sorted(a.status_code for a in answers) == [200] * 5 + [409] * 5
    assert len(await dispatch.said(OrderExtended)) + len(await dispatch.said(ApprovalRefused)) == 1


async def test_a_member_of_the_same_party_group_does_not_decide(dispatch: Stage, order_id: UUID) -> None:
    asked = await ask(dispatch, order_id)
    body = {"tenant": TENANT, "member_id": "M2", "approve": True}
    answer = await dispatch.http.post(f"/v1/orders/{order_id}/approvals/{asked['approval_id']}/decide", json=body)
    assert answer.status_code == 409
    assert "P3" in answer.json()["detail"]
    url = f"/v1/orders/{order_id}/approvals/{order_id}/decide"
    assert (await dispatch.http.post(url, json={**body, "member_id": "L1"})).status_code == 404


async def test_a_refused_request_says_why_and_what_is_possible_is_listed(dispatch: Stage, order_id: UUID) -> None:
    asked = await ask(dispatch, order_id)
    await decide(dispatch, order_id, asked, False, "材料已到")
    [fact] = await dispatch.said(ApprovalRefused)
    assert (fact.answer, fact.member_id) == ("材料已到", "M1")
    body = {"tenant": TENANT, "member_id": "M1", **WISH, "reason": "because"}
    refused = await dispatch.http.post(f"/v1/orders/{order_id}/approvals", json=body)
    assert refused.status_code == 409
    assert "weather, materials" in refused.json()["detail"]
    allowed = refused.json()["allowed"]
    one_request = {"start", "hand_in", "give_back", "assign", "raise", "send_down", "supervise"}
    assert {move["move"] for move in allowed} == {*one_request, "ask_help", "extend", "suspend", "appeal"}
    assert {move["move"] for move in allowed if move["path"] == move["move"]} == one_request
    kinds = {move["move"]: move["sends"] for move in allowed if move["path"] == "approvals"}
    assert kinds == {"extend": {"kind": "extension"}, "suspend": {"kind": "suspension"}, "appeal": {"kind": "appeal"}}
    assert refused.json()["state"] == "claimed"
    listed = (await dispatch.http.get("/v1/approvals/reasons")).json()
    assert {each["reason"] for each in listed["extension"]} >= {"weather", "materials"}


async def test_a_suspended_clock_stands_still_until_its_handler_goes_on(dispatch: Stage, order_id: UUID) -> None:
    await act(dispatch, order_id, "start", "M1")
    assert len(await dispatch.said(OrderStarted)) == 1
    asked = await ask(dispatch, order_id, kind="suspension", reason="season", amount=30)
    await decide(dispatch, order_id, asked, True)
    [suspended] = await dispatch.said(OrderSuspended)
    timer = await clock(dispatch, order_id)
    assert (timer.due_at, timer.body["stage"]) == (suspended.until, None)
    shown = (await dispatch.http.get(f"/v1/orders/{order_id}", params={"tenant": TENANT})).json()
    assert (shown["state"], shown["light"]) == ("suspended", None)
    assert await fire(dispatch, datetime.now(UTC) + timedelta(days=20)) == 0
    resumed = await act(dispatch, order_id, "resume", "M1")
    assert resumed["state"] == "handling"
    [fact] = await dispatch.said(OrderResumed)
    assert datetime.fromisoformat((await clock(dispatch, order_id)).body["stage_ends_at"]) == fact.handle_by
    assert await dispatch.said(DeadlineNear) == []


async def test_a_suspension_that_nobody_ends_is_over_at_its_time(dispatch: Stage, order_id: UUID) -> None:
    asked = await ask(dispatch, order_id, kind="suspension", reason="season", amount=30)
    await decide(dispatch, order_id, asked, True)
    assert await fire(dispatch, datetime.now(UTC) + timedelta(days=31)) == 1
    assert len(await dispatch.said(OrderResumed)) == 1
    assert (await clock(dispatch, order_id)).body["stage"] == "handle"


async def test_after_a_day_of_downtime_amber_and_red_are_told_late_and_in_order(
    dispatch: Stage, order_id: UUID
) -> None:
    # Made and claimed long ago, while nobody swept the timers.
    async with dispatch.database() as db:
        for column in ("claim_by", "handle_by", "check_by", "stage_began_at", "moved_at"):
            await db.execute(text(f"UPDATE orders SET {column} = {column} - interval '30 days'"))
        await db.execute(
            text(
                "UPDATE timers SET due_at = due_at - interval '30 days', body = jsonb_set(jsonb_set(body, "
                "'{stage_ends_at}', to_jsonb((body ->> 'stage_ends_at')::timestamptz - interval '30 days')), "
                "'{due_at}', to_jsonb((body ->> 'due_at')::timestamptz - interval '30 days'))"
            )
        )
    await dispatch.fire_timers()
    [near], [overdue] = await dispatch.said(DeadlineNear), await dispatch.said(OrderOverdue)
    assert near.order_id == overdue.order_id == order_id
    assert near.occurred_at < overdue.occurred_at
    assert await clock(dispatch, order_id) is None


async def test_an_extension_after_amber_warns_once_more(dispatch: Stage, order_id: UUID) -> None:
    ends = datetime.fromisoformat((await clock(dispatch, order_id)).body["stage_ends_at"])
    assert await fire(dispatch, ends - timedelta(minutes=1)) == 1
    [first] = await dispatch.said(DeadlineNear)
    asked = await ask(dispatch, order_id)
    await decide(dispatch, order_id, asked, True)
    later = datetime.fromisoformat((await clock(dispatch, order_id)).body["stage_ends_at"])
    assert later > ends
    assert await fire(dispatch, ends + timedelta(seconds=1)) == 0
    assert await fire(dispatch, later - timedelta(minutes=1)) == 1
    assert [f.due_at for f in await dispatch.said(DeadlineNear)] == [first.due_at, later]
    assert await dispatch.said(OrderOverdue) == []


async def test_an_upheld_appeal_is_told_and_the_order_is_not_counted(dispatch: Stage, order_id: UUID) -> None:
    await act(dispatch, order_id, "hand_in", "M1", note="已处置")
    await act(dispatch, order_id, "check", "M2", passed=True)
    asked = await ask(dispatch, order_id, kind="appeal", reason="not_responsible", amount=0)
    await decide(dispatch, order_id, asked, True)
    [fact] = await dispatch.said(AppealUpheld)
    assert (fact.member_id, fact.reason) == ("M1", "not_responsible")
    shown = (await dispatch.http.get(f"/v1/orders/{order_id}", params={"tenant": TENANT})).json()
    assert (shown["state"], shown["in_kpis"]) == ("checked", False)


async def test_what_is_asked_for_is_gone_from_the_list_when_the_order_is_handed_in(
    dispatch: Stage, order_id: UUID
) -> None:
    asked = await ask(dispatch, order_id)
    await act(dispatch, order_id, "hand_in", "M1", note="已处置")
    assert (await dispatch.http.get("/v1/approvals", params={"tenant": TENANT, "org_id": "P3"})).json() == []
    url = f"/v1/orders/{order_id}/approvals/{asked['approval_id']}/decide"
    answer = await dispatch.http.post(url, json={"tenant": TENANT, "member_id": "L1", "approve": True})
    assert answer.status_code == 409
    assert "the order is handled" in answer.json()["detail"]


async def test_a_higher_level_supervises_and_those_concerned_are_told(dispatch: Stage, order_id: UUID) -> None:
    await act(dispatch, order_id, "supervise", "L1", note="请今天内处置")
    [fact] = await dispatch.said(OrderSupervised)
    assert (fact.member_ids, fact.supervised_by_org, fact.note) == (("M1",), "P1", "请今天内处置")
    body = {"tenant": TENANT, "member_id": "M2", "note": "请今天内处置"}
    assert (await dispatch.http.post(f"/v1/orders/{order_id}/supervise", json=body)).status_code == 409
