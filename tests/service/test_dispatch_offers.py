"""Offers, claims and absences on real NATS and PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from libs.chassis.db.ids import new_id
from libs.contracts.dispatch import (
    MemberAbsent,
    OrderAssigned,
    OrderClaimed,
    OrderDispatched,
    OrderEscalated,
    OrderOffered,
)
from libs.contracts.values import Reach
from services.dispatch import app
from tests.support.dispatch import TENANT, absence, act, is_absent, made_due, offered, put_street, registered
from tests.support.stage import MakeStage, Stage, on_stage

CLAIMS = 1_000
NEARER_TO_THE_GRID = """
INSERT INTO members SELECT '370784004', 'N' || n, '成员' || n, 'volunteer', '370784004201', 'P3', '[]', 2, ''
FROM generate_series(1, 40) n
"""
"""So many that nobody of the micro-grid is among those whom the grid asks first."""


async def absent_until(dispatch: Stage, member_id: str) -> datetime | None:
    async with dispatch.database() as db:
        row = await db.one(text("SELECT absent_until FROM members WHERE member_id = :m"), {"m": member_id})
    assert row is not None
    until: datetime | None = row.absent_until
    return until


async def test_of_a_thousand_claims_at_once_on_two_replicas_exactly_one_wins(dispatch: Stage) -> None:
    await dispatch.hear(registered())
    order_id = (await offered(dispatch)).order_id
    async with dispatch.database() as db:
        for statement in RIVALS.split(";"):
            await db.execute(text(statement), {"rivals": CLAIMS} if ":rivals" in statement else {})
    async with on_stage(app.build()) as replica:
        answers = await asyncio.gather(
            *(
                (dispatch, replica)[n % 2].http.post(
                    f"/v1/orders/{order_id}/claim", json={"tenant": TENANT, "member_id": f"R{n}"}
                )
                for n in range(CLAIMS)
            )
        )
    assert Counter(a.status_code for a in answers) == {200: 1, 409: CLAIMS - 1}
    [winner] = (a.json()["member_id"] for a in answers if a.status_code == 200)
    assert [fact.member_id for fact in await dispatch.said(OrderClaimed)] == [winner]
    async with dispatch.database() as db:
        rows = await db.rows(text("SELECT member_id, open_orders FROM members WHERE open_orders > 0"))
    assert [tuple(row) for row in rows] == [(winner, 1)]


RIVALS = """
INSERT INTO members SELECT '370784004', 'R' || n, '成员' || n, 'volunteer', '37078400420101', 'P4', '[]', 2, ''
FROM generate_series(0, :rivals - 1) n;
UPDATE streets SET version = version + 1;
UPDATE orders SET offered_to = (SELECT jsonb_agg(member_id) FROM members)
"""


async def test_a_member_at_the_limit_but_one_wins_one_of_many_orders_on_two_replicas(dispatch: Stage) -> None:
    await dispatch.hear(*(registered() for _ in range(21)))
    first, *others = [fact.order_id for fact in await dispatch.said(OrderOffered) if "M1" in fact.offered_to]
    await act(dispatch, first, "claim", "M1")
    async with on_stage(app.build()) as replica:
        answers = await asyncio.gather(
            *(
                stage.http.post(f"/v1/orders/{order_id}/claim", json={"tenant": TENANT, "member_id": "M1"})
                for order_id in others
                for stage in (dispatch, replica)
            )
        )
    won = {a.json()["order_id"] for a in answers if a.status_code == 200}
    assert len(won) == 1
    async with dispatch.database() as db:
        row = await db.one(text("SELECT open_orders FROM members WHERE member_id = 'M1'"))
    assert row is not None
    assert row.open_orders == 2


async def test_an_offer_that_nobody_takes_widens_and_then_goes_up_when_red(dispatch: Stage) -> None:
    await dispatch.hear(registered())
    await made_due(dispatch, "OfferLease")
    first, wider = await dispatch.said(OrderOffered)
    assert (first.reach, first.newly_asked) == (Reach.NEAREST, ("M1", "M2", "M3"))
    assert (wider.reach, wider.newly_asked, wider.offered_to) == (Reach.MICRO_GRID, ("M4",), ("M1", "M2", "M3", "M4"))
    await act(dispatch, wider.order_id, "claim", "M4")


async def test_the_lease_of_an_offer_ends_with_the_claim(dispatch: Stage) -> None:
    await dispatch.hear(registered())
    await act(dispatch, (await offered(dispatch)).order_id, "claim", "M1")
    async with dispatch.database() as db:
        rows = await db.rows(text("SELECT name FROM timers"))
    assert [row.name for row in rows] == ["OrderClock"]


async def test_a_lease_that_fires_late_changes_nothing(dispatch: Stage) -> None:
    """As when a sweep had it in hand while somebody claimed: it is not unset then."""
    await dispatch.hear(registered())
    order_id = (await offered(dispatch)).order_id
    async with dispatch.database() as db:
        left = await db.one(text("SELECT * FROM timers WHERE name = 'OfferLease'"))
    assert left is not None
    await act(dispatch, order_id, "claim", "M1")
    async with dispatch.database() as db:
        await db.execute(
            text(
                "INSERT INTO timers (name, key, due_at, body) VALUES ('OfferLease', :key, now(), CAST(:body AS jsonb))"
            ),
            {"key": left.key, "body": json.dumps(left.body)},
        )
    await made_due(dispatch, "OfferLease")
    assert len(await dispatch.said(OrderOffered)) == 1


async def test_thirty_claims_beside_sweeps_of_the_leases_all_succeed_without_a_deadlock(dispatch: Stage) -> None:
    await dispatch.hear(*(registered() for _ in range(30)))
    orders = [fact.order_id for fact in await dispatch.said(OrderOffered)]
    async with dispatch.database() as db:
        # Nobody is refused for having enough to do; the higher version lets the service read the street again.
        await db.execute(text("UPDATE members SET workload_limit = 100"))
        await db.execute(text("UPDATE streets SET version = version + 1"))
        await db.execute(text("UPDATE timers SET due_at = now() WHERE name = 'OfferLease'"))
    claims = (act(dispatch, order_id, "claim", f"M{n % 3 + 1}") for n, order_id in enumerate(orders))
    await asyncio.gather(*claims, *(dispatch.service.timers.fire_due(7) for _ in range(6)))
    assert {fact.order_id for fact in await dispatch.said(OrderClaimed)} == set(orders)


async def test_an_absent_member_is_offered_nothing_and_their_open_offers_move_to_others(dispatch: Stage) -> None:
    await dispatch.hear(registered())
    await is_absent(dispatch, "M1")
    moved = await offered(dispatch)
    assert (moved.offered_to, moved.newly_asked) == (("M2", "M3", "M4"), ("M4",))
    await dispatch.hear(registered())
    assert (await offered(dispatch)).offered_to == ("M2", "M3", "M4")


async def test_what_an_absent_member_has_claimed_is_named_to_the_party_group_and_can_be_assigned(
    dispatch: Stage,
) -> None:
    await dispatch.hear(registered())
    order_id = (await offered(dispatch)).order_id
    await act(dispatch, order_id, "claim", "M1")
    await is_absent(dispatch, "M1")
    [told] = await dispatch.said(MemberAbsent)
    assert (told.org_id, told.order_ids) == ("P4", (order_id,))
    given = await act(dispatch, order_id, "assign", "M3", to_member="M2", reason="M1 请假")
    assert (given["member_id"], given["state"]) == ("M2", "claimed")
    [fact] = await dispatch.said(OrderAssigned)
    assert (fact.taken_from, fact.assigned_by) == ("M1", "M3")
    async with dispatch.database() as db:
        rows = await db.rows(text("SELECT member_id, open_orders FROM members WHERE open_orders > 0"))
    assert [tuple(row) for row in rows] == [("M2", 1)]
    await act(dispatch, order_id, "hand_in", "M2", note="lamp replaced")


async def test_an_order_goes_up_by_hand_and_down_again_and_where_it_ended_is_counted(dispatch: Stage) -> None:
    await dispatch.hear(registered())
    order_id = (await offered(dispatch)).order_id
    await act(dispatch, order_id, "claim", "M1")
    up = await act(dispatch, order_id, "raise", "M2", reason="beyond_means")
    assert (up["unit"], up["member_id"], up["state"]) == ("370784004201", None, "offered")
    down = await act(dispatch, order_id, "send_down", "L1", unit="37078400420101", reason="设备已到位")
    assert (down["unit"], down["level"]) == ("37078400420101", "micro_grid")
    who = down["offered_to"][0]
    await act(dispatch, order_id, "claim", who)
    await act(dispatch, order_id, "hand_in", who, note="lamp replaced")
    await act(dispatch, order_id, "check", "L1", passed=True)
    period = {"tenant": TENANT, "since": "2020-01-01T00:00:00Z", "until": "2040-01-01T00:00:00Z"}
    counted = (await dispatch.http.get("/v1/orders/ended-by-level", params=period)).json()
    assert counted["within_community"] == "100.00"
    assert counted["ended"]["micro_grid"] == 1
    async with dispatch.database() as db:
        row = await db.one(text("SELECT sum(open_orders) AS open FROM members"))
    assert row is not None
    assert row.open == 0


async def test_who_is_away_below_is_not_asked_when_an_order_is_sent_down(dispatch: Stage) -> None:
    async with dispatch.database() as db:
        await db.execute(text(NEARER_TO_THE_GRID))
        await db.execute(text("UPDATE streets SET version = version + 1"))
    await dispatch.hear(registered())
    order_id = (await offered(dispatch)).order_id
    await act(dispatch, order_id, "claim", "M1")
    await act(dispatch, order_id, "raise", "M2", reason="beyond_means")
    await is_absent(dispatch, "M2")
    down = await act(dispatch, order_id, "send_down", "L1", unit="37078400420101", reason="设备已到位")
    assert "M2" not in down["offered_to"]


async def test_an_absence_from_now_on_holds_from_its_answer_on(stage: MakeStage) -> None:
    dispatch = await stage("dispatch", WANGGE_SWEEP_SECONDS="3600")
    await put_street(dispatch)
    await dispatch.hear(registered())
    assert (await dispatch.http.post("/v1/absences", json=absence("M1"))).status_code == 201
    await dispatch.hear(registered())
    assert (await offered(dispatch)).offered_to == ("M2", "M3", "M4")
    # No timer has fired; when it does, what was offered before goes to others, once.
    assert await dispatch.said(MemberAbsent) == []
    await dispatch.fire_timers()
    assert len(await dispatch.said(MemberAbsent)) == 1
    asked = [fact.offered_to for fact in await dispatch.said(OrderOffered)]
    assert asked == [("M1", "M2", "M3"), ("M2", "M3", "M4"), ("M2", "M3", "M4")]


async def test_who_is_away_or_back_counts_from_the_answer_on_when_an_order_is_sent_down(stage: MakeStage) -> None:
    """No timer fires here."""
    dispatch = await stage("dispatch", WANGGE_SWEEP_SECONDS="3600")
    await put_street(dispatch)
    away = await dispatch.http.post("/v1/absences", json=absence("M1"))
    assert "M1" not in await asked_below(dispatch)
    absence_id = away.json()["absence_id"]
    back = await dispatch.http.delete(f"/v1/absences/{absence_id}", params={"tenant": TENANT})
    assert back.status_code == 200
    assert "M1" in await asked_below(dispatch)


async def test_who_takes_back_a_later_absence_is_still_away_for_the_present_one(dispatch: Stage) -> None:
    await is_absent(dispatch, "M1")
    later = await is_absent(dispatch, "M1", begins_in=timedelta(hours=24))
    url = f"/v1/absences/{later['absence_id']}"
    assert (await dispatch.http.delete(url, params={"tenant": TENANT})).status_code == 200
    assert "M1" not in await asked_below(dispatch)


async def asked_below(dispatch: Stage) -> list[str]:
    """Whom an order is offered to that the street sends down to the only micro-grid."""
    await dispatch.hear(registered())
    order_id = (await offered(dispatch)).order_id
    await act(dispatch, order_id, "raise", "L1", reason="beyond_means")
    down = await act(dispatch, order_id, "send_down", "L1", unit="37078400420101", reason="设备已到位")
    to: list[str] = down["offered_to"]
    return to


async def test_an_absence_ends_by_itself(dispatch: Stage) -> None:
    await is_absent(dispatch, "M1")
    async with dispatch.database() as db:
        await db.execute(text("UPDATE absences SET until_at = now()"))
        await db.execute(text("UPDATE members SET absent_until = now() WHERE absent_until IS NOT NULL"))
    await dispatch.hear(registered())
    assert "M1" in (await offered(dispatch)).offered_to


async def test_absences_are_listed_until_they_are_over_and_may_end_earlier(dispatch: Stage) -> None:
    now = await is_absent(dispatch, "M1")
    later = await is_absent(dispatch, "M2", begins_in=timedelta(hours=24))
    listed = (await dispatch.http.get("/v1/absences", params={"tenant": TENANT})).json()
    assert [each["absence_id"] for each in listed] == [now["absence_id"], later["absence_id"]]
    for each in (now, later):
        ended = await dispatch.http.delete(f"/v1/absences/{each['absence_id']}", params={"tenant": TENANT})
        assert ended.status_code == 200
    assert (await dispatch.http.get("/v1/absences", params={"tenant": TENANT})).json() == []
    await dispatch.hear(registered())
    assert (await offered(dispatch)).offered_to == ("M1", "M2", "M3")
    await made_due(dispatch, "AbsenceBegins")
    assert len(await dispatch.said(MemberAbsent)) == 1


async def test_an_absence_recorded_twice_is_one_and_another_at_the_same_time_is_refused(dispatch: Stage) -> None:
    body = {
        "tenant": TENANT,
        "member_id": "M1",
        "from_at": "2030-01-01T00:00:00Z",
        "until_at": "2030-01-03T00:00:00Z",
        "reason": "training",
    }
    answers = await asyncio.gather(*(dispatch.http.post("/v1/absences", json=body) for _ in range(5)))
    assert len({a.json()["absence_id"] for a in answers}) == 1
    other = await dispatch.http.post("/v1/absences", json={**body, "from_at": "2030-01-02T00:00:00Z"})
    assert other.status_code == 409
    unknown = await dispatch.http.delete(f"/v1/absences/{new_id()}", params={"tenant": TENANT})
    assert unknown.status_code == 404


async def test_when_an_absence_cannot_begin_nothing_is_left_of_the_attempt(dispatch: Stage) -> None:
    await dispatch.hear(registered())
    async with dispatch.database() as db:
        await db.execute(text("ALTER TABLE orders ADD CONSTRAINT broken CHECK (offered_to @> '[\"M1\"]')"))
    await is_absent(dispatch, "M1")
    assert len(await dispatch.said(OrderOffered)) == 1
    assert await dispatch.said(MemberAbsent) == []
    async with dispatch.database() as db:
        await db.execute(text("ALTER TABLE orders DROP CONSTRAINT broken"))
    await made_due(dispatch, "AbsenceBegins")
    [_] = await dispatch.said(MemberAbsent)
    assert "M1" not in (await offered(dispatch)).offered_to


async def test_when_an_absence_cannot_be_recorded_nothing_is_left_of_the_attempt(dispatch: Stage) -> None:
    async with dispatch.database() as db:
        await db.execute(text("ALTER TABLE members ADD CONSTRAINT broken CHECK (absent_until IS NULL)"))
    assert (await dispatch.http.post("/v1/absences", json=absence("M1"))).status_code == 500
    async with dispatch.database() as db:
        assert await db.rows(text("SELECT 1 FROM absences")) == []
        assert await db.rows(text("SELECT 1 FROM timers")) == []
        await db.execute(text("ALTER TABLE members DROP CONSTRAINT broken"))
    await is_absent(dispatch, "M1")
    assert len(await dispatch.said(MemberAbsent)) == 1


async def test_only_an_answering_organisation_assigns_and_to_nobody_at_their_limit(dispatch: Stage) -> None:
    await dispatch.hear(*(registered() for _ in range(3)))
    orders = [fact.order_id for fact in await dispatch.said(OrderDispatched)]

    async def assign(order_id: UUID, by: str, to: str) -> int:
        body = {"tenant": TENANT, "member_id": by, "to_member": to, "reason": "离现场最近"}
        return (await dispatch.http.post(f"/v1/orders/{order_id}/assign", json=body)).status_code

    assert await assign(orders[0], "nobody", "M4") == 409
    assert [await assign(order_id, "L1", "M4") for order_id in orders] == [200, 200, 409]
    assert not await dispatch.said(OrderEscalated)
