"""The dispatch service on real NATS and PostgreSQL: facts in, orders, offers and facts out."""

from __future__ import annotations

import asyncio
import csv
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from libs.chassis.db.ids import new_id
from libs.contracts.dispatch import (
    DeadlineNear,
    InspectionAssigned,
    OrderCancelled,
    OrderChecked,
    OrderClaimed,
    OrderDispatched,
    OrderEscalated,
    OrderHandled,
    OrderOffered,
    OrderOverdue,
)
from libs.contracts.incident import CaseMerged, CaseReopened, CaseUnmerged, CaseVoided, EndReason
from libs.contracts.values import Place, Point
from libs.street_time import STREET_ZONE, local_minutes
from tests.support.dispatch import TENANT, act, finished, registered
from tests.support.stage import Stage, stamped


async def test_a_registered_case_is_dispatched_to_its_party_group_and_offered(dispatch: Stage) -> None:
    case = registered()
    await dispatch.hear(case)
    [order] = await dispatch.said(OrderDispatched)
    [offer] = await dispatch.said(OrderOffered)
    assert (order.unit, order.org_id, order.case_id) == ("37078400420101", "P4", case.case_id)
    assert order.correlation_id == case.case_id
    assert offer.offered_to == ("M1", "M2", "M3")


async def test_the_same_case_told_twice_has_one_order(dispatch: Stage) -> None:
    case = registered().stamped(new_id(), new_id())
    await dispatch.hear(case, case)
    await dispatch.hear(case)
    assert len(await dispatch.said(OrderDispatched)) == 1


async def test_exactly_one_of_many_claims_wins(dispatch: Stage) -> None:
    await dispatch.hear(registered())
    [offer] = await dispatch.said(OrderOffered)
    path = f"/v1/orders/{offer.order_id}/claim"
    answers = await asyncio.gather(
        *(dispatch.http.post(path, json={"tenant": TENANT, "member_id": f"M{n % 3 + 1}"}) for n in range(30))
    )
    winners = {a.json()["member_id"] for a in answers if a.status_code == 200}
    assert len(winners) == 1
    assert {a.status_code for a in answers} == {200, 409}
    assert UUID(answers[0].json().get("order_id", str(offer.order_id))) == offer.order_id


async def test_who_comes_second_is_told_who_was_first_in_the_language_they_read(dispatch: Stage) -> None:
    await dispatch.hear(registered())
    [offer] = await dispatch.said(OrderOffered)
    await act(dispatch, offer.order_id, "claim", "M1")
    [claimed] = await dispatch.said(OrderClaimed)
    path, body = f"/v1/orders/{offer.order_id}/claim", {"tenant": TENANT, "member_id": "M2"}
    at = local_minutes(claimed.occurred_at)
    for language, title, told in (
        ("zh", "现在不能这样做", f"M1 成员1已先于 {at} 接单"),
        ("en", "Not possible now", f"M1 成员1 was first, at {at}"),
    ):
        answer = await dispatch.http.post(path, json=body, headers={"accept-language": language})
        problem = answer.json()
        assert (answer.status_code, problem["title"], problem["detail"]) == (409, title, told)
        assert problem["type"] == "urn:wangge:problem:not-possible-now"
        assert (problem["state"], problem["allowed"][0]["move"]) == ("claimed", "start")


async def test_an_order_lives_from_claim_to_check_and_every_step_is_told(dispatch: Stage) -> None:
    order_id = await finished(dispatch, registered())
    for fact in (OrderClaimed, OrderHandled, OrderChecked):
        assert [f.order_id for f in await dispatch.said(fact)] == [order_id]
    async with dispatch.database() as db:
        row = await db.one(
            text("SELECT sum(open_orders) AS open, (SELECT count(*) FROM timers) AS timers FROM members")
        )
    assert row is not None
    assert (row.open, row.timers) == (0, 0)


async def test_workload_limits_hold_while_claims_arrive_at_once(dispatch: Stage) -> None:
    await dispatch.hear(*(registered() for _ in range(8)))
    offers = await dispatch.said(OrderOffered)
    claims = (
        dispatch.http.post(f"/v1/orders/{o.order_id}/claim", json={"tenant": TENANT, "member_id": "M1"}) for o in offers
    )
    answers = await asyncio.gather(*claims)
    assert sorted(a.status_code for a in answers) == [200] * 2 + [409] * 6
    assert "limit" in next(a for a in answers if a.status_code == 409).json()["detail"]


async def test_an_order_that_nobody_claims_warns_and_then_goes_up(dispatch: Stage) -> None:
    await dispatch.hear(registered(at=datetime.now(UTC) - timedelta(days=30)))
    await dispatch.fire_timers()
    assert len(await dispatch.said(DeadlineNear)) == 1
    [overdue], [up] = await dispatch.said(OrderOverdue), await dispatch.said(OrderEscalated)
    assert (overdue.unit, up.to_unit) == ("37078400420101", "370784004201")


async def test_deadlines_stand_on_the_street_s_calendar_and_do_not_move_with_it(dispatch: Stage) -> None:
    """In a year that is far away, so that no clock of the order runs out while the test looks at it."""
    friday = datetime(2035, 11, 16, 16, 0, tzinfo=STREET_ZONE)
    await dispatch.hear(registered(at=friday))
    [offer] = await dispatch.said(OrderOffered)
    [order] = await dispatch.said(OrderDispatched)
    assert offer.claim_by == datetime(2035, 11, 19, 11, 0, tzinfo=STREET_ZONE)
    assert order.handle_by == datetime(2035, 11, 21, 11, 0, tzinfo=STREET_ZONE)
    async with dispatch.database() as db:
        await db.execute(text(f"INSERT INTO calendar_days VALUES ('{TENANT}', '2035-11-20', 'holiday', '停电检修')"))
        await db.execute(text("UPDATE streets SET version = version + 1"))
    url = f"/v1/orders/{offer.order_id}"
    stands = (await dispatch.http.get(url, params={"tenant": TENANT})).json()
    assert datetime.fromisoformat(stands["handle_by"]) == order.handle_by
    assert (await dispatch.http.get("/v1/calendar/2026", params={"tenant": TENANT})).json()["known"]
    year = (await dispatch.http.get("/v1/calendar/2035", params={"tenant": TENANT})).json()
    assert "2035-11-20" in year["holidays"]
    assert year["hours"][0] == {"opens": "08:30:00", "closes": "12:00:00"}
    await dispatch.hear(registered(at=friday))
    assert (await dispatch.said(OrderDispatched))[-1].handle_by == datetime(2035, 11, 22, 11, 0, tzinfo=STREET_ZONE)


async def test_an_order_shows_the_light_of_its_stage(dispatch: Stage) -> None:
    await dispatch.hear(registered(), registered(at=datetime.now(UTC) - timedelta(days=30)))
    shown = (await dispatch.http.get("/v1/orders", params={"tenant": TENANT})).json()
    assert {"green"} <= {order["light"] for order in shown["items"]} <= {"green", "red"}


async def test_who_goes_there_reads_where_it_is_and_who_is_who(dispatch: Stage) -> None:
    place = Place(point=Point(longitude=0.5, latitude=0.25), name="村东头")
    await dispatch.hear(registered().model_copy(update={"place": place}))
    [offer] = await dispatch.said(OrderOffered)
    assert offer.place == place
    [listed] = (await dispatch.http.get("/v1/orders", params={"tenant": TENANT})).json()["items"]
    assert listed["place"] == {"point": {"longitude": 0.5, "latitude": 0.25}, "name": "村东头"}
    assert listed["map_link"] == "https://uri.amap.com/marker?position=0.5,0.25&coordinate=wgs84"
    names = ("unit_name", "org_name", "member_name", "offered_to_names")
    assert [listed[name] for name in names] == ["凌河村一微", "一组", None, ["成员1", "成员2", "成员3"]]
    [head, line] = csv.reader((await dispatch.http.get("/v1/orders.csv", params={"tenant": TENANT})).text.splitlines())
    told = dict(zip(head, line, strict=True))
    assert (told["place_name"], told["longitude"], told["latitude"]) == ("村东头", "0.5", "0.25")
    assert (told["unit_name"], told["org_name"], told["member_name"]) == ("凌河村一微", "一组", "")
    assert told["map_link"] == listed["map_link"]


async def test_who_checks_reads_what_was_handed_in_and_where_to_go(dispatch: Stage) -> None:
    await dispatch.hear(registered())
    [offer] = await dispatch.said(OrderOffered)
    await act(dispatch, offer.order_id, "claim", "M1")
    before = (await dispatch.http.get(f"/v1/orders/{offer.order_id}", params={"tenant": TENANT})).json()
    assert (before["member_name"], before["note"], before["photos"]) == ("成员1", "", [])
    await act(dispatch, offer.order_id, "hand_in", "M1", note="lamp replaced", photos=["photo-1"])
    shown = (await dispatch.http.get(f"/v1/orders/{offer.order_id}", params={"tenant": TENANT})).json()
    assert (shown["note"], shown["photos"]) == ("lamp replaced", ["photo-1"])
    [sent] = await dispatch.said(InspectionAssigned)
    assert sent.place == offer.place
    [to_look] = (await dispatch.http.get("/v1/inspections", params={"tenant": TENANT})).json()["items"]
    assert to_look["place"] == {"point": {"longitude": 0.5, "latitude": 0.5}, "name": None}
    assert (to_look["unit_name"], to_look["member_name"]) == ("凌河村一微", "成员2")
    assert to_look["map_link"] == shown["map_link"]


async def test_lists_of_a_street_that_is_not_here_are_not_empty_but_missing(dispatch: Stage) -> None:
    for path in ("orders", "orders.csv", "inspections"):
        answer = await dispatch.http.get(f"/v1/{path}", params={"tenant": "370784009"})
        assert (answer.status_code, answer.json()["title"]) == (404, "Not found")


async def test_a_reopened_case_gets_a_new_order_and_the_second_time_the_street_has_it(dispatch: Stage) -> None:
    case = registered()
    first = await finished(dispatch, case)
    reopened = CaseReopened(
        tenant=TENANT,
        occurred_at=datetime.now(UTC),
        case_id=case.case_id,
        case_no=case.case_no,
        order_id=first,
        opening=1,
        times=1,
        to_street=False,
    ).stamped(new_id(), case.case_id)
    await dispatch.hear(reopened, reopened)
    again = (await dispatch.said(OrderDispatched))[-1]
    assert (again.unit, again.case_id) == ("37078400420101", case.case_id)
    await act(dispatch, again.order_id, "claim", "M1")
    await act(dispatch, again.order_id, "hand_in", "M1", note="again")
    await act(dispatch, again.order_id, "check", "M2", passed=True)
    await dispatch.hear(
        reopened.model_copy(
            update={"id": new_id(), "order_id": again.order_id, "opening": 2, "times": 2, "to_street": True}
        )
    )
    assert [o.unit for o in await dispatch.said(OrderDispatched)] == ["37078400420101", "37078400420101", TENANT]


async def test_a_reopening_that_overtakes_the_order_waits_for_it(dispatch: Stage) -> None:
    case = registered()
    await dispatch.hear(
        CaseReopened(
            tenant=TENANT,
            occurred_at=datetime.now(UTC),
            case_id=case.case_id,
            case_no=case.case_no,
            order_id=new_id(),
            opening=1,
            times=1,
            to_street=False,
        )
    )
    [(reason, given_up)] = await dispatch.kept()
    assert "not checked here yet" in reason
    assert not given_up


async def test_a_case_of_an_unknown_street_waits_for_its_roster(dispatch: Stage) -> None:
    await dispatch.hear(registered().model_copy(update={"tenant": "370784005"}), registered())
    [(reason, _)] = await dispatch.kept()
    assert "370784005" in reason
    assert len(await dispatch.said(OrderDispatched)) == 1


async def test_a_failure_midway_leaves_nothing_behind(dispatch: Stage) -> None:
    async with dispatch.database() as db:
        await db.execute(text("ALTER TABLE timers ADD CONSTRAINT broken CHECK (false)"))
    await dispatch.hear(registered())
    async with dispatch.database() as db:
        row = await db.one(text("SELECT (SELECT count(*) FROM orders) + (SELECT count(*) FROM outbox) AS left"))
        await db.execute(text("ALTER TABLE timers DROP CONSTRAINT broken"))
    assert row is not None
    assert row.left == 0
    await dispatch.retry_now()
    assert len(await dispatch.said(OrderDispatched)) == 1


async def test_a_dry_run_says_where_and_why_and_makes_nothing(dispatch: Stage) -> None:
    body = {"tenant": TENANT, "category": "11001", "place": {"name": "凌河边上"}}
    answer = await dispatch.http.post("/v1/routing/dry-run", json=body)
    assert (answer.json()["unit"], answer.json()["org_id"]) == ("370784004201", "P3")
    assert (await dispatch.http.get("/v1/orders", params={"tenant": TENANT})).json()["items"] == []


async def test_orders_are_listed_for_a_member_and_counted(dispatch: Stage) -> None:
    await dispatch.hear(*(registered() for _ in range(3)))
    mine = (await dispatch.http.get("/v1/orders", params={"tenant": TENANT, "member_id": "M1", "limit": 2})).json()
    rest = {"tenant": TENANT, "member_id": "M1", "after": mine["next"]}
    assert (len(mine["items"]), mine["total"]) == (2, {"count": 3, "more": False})
    last = (await dispatch.http.get("/v1/orders", params=rest)).json()
    assert (len(last["items"]), last["next"], last["total"]) == (1, None, None)
    none = (await dispatch.http.get("/v1/orders", params={"tenant": TENANT, "member_id": "L1"})).json()
    assert (none["items"], none["total"]["count"]) == ([], 0)
    assert (await dispatch.http.get("/v1/orders/counts", params={"tenant": TENANT})).json() == {"offered": 3}
    missing = await dispatch.http.get(f"/v1/orders/{new_id()}", params={"tenant": TENANT})
    assert missing.status_code == 404
    period = {"since": "2020-01-01T00:00:00Z", "until": "2040-01-01T00:00:00Z"}
    for what, more in (("", {}), (".csv", {}), ("/counts", {}), ("/ended-by-level", period)):
        elsewhere = await dispatch.http.get(f"/v1/orders{what}", params={"tenant": "999999999", **more})
        assert (elsewhere.status_code, elsewhere.json()["detail"]) == (404, "There is no street 999999999 here.")


async def test_orders_are_looked_for_by_unit_category_and_deadline_and_exported(dispatch: Stage) -> None:
    await dispatch.hear(*(registered() for _ in range(3)))

    async def count(**wanted: str) -> int:
        answer = await dispatch.http.get("/v1/orders", params={"tenant": TENANT, "limit": 1, **wanted})
        assert answer.status_code == 200, answer.text
        return int(answer.json()["total"]["count"])

    assert [await count(unit=unit) for unit in (TENANT, "37078400401", "370784004201")] == [3, 3, 3]
    nowhere = await dispatch.http.get("/v1/orders", params={"tenant": TENANT, "unit": "370784004999"})
    assert (nowhere.status_code, nowhere.json()["detail"]) == (404, f"Street {TENANT} has no unit 370784004999.")
    assert [await count(category=category) for category in ("11001", "11002")] == [3, 0]
    far, past = (datetime.now(UTC) + timedelta(days=99)).isoformat(), "2020-01-01T00:00:00Z"
    assert [await count(due_before=time) for time in (far, past)] == [3, 0]
    assert [await count(state=state) for state in ("offered", "checked")] == [3, 0]
    asked = {"tenant": TENANT, "state": "offered"}
    file = await dispatch.http.get("/v1/orders.csv", params=asked, headers={"Accept-Language": "zh"})
    lines = list(csv.DictReader(file.text.removeprefix("\ufeff").splitlines()))
    assert [(line["状态"], line["状态代码"], line["网格"]) for line in lines] == [
        ("已派单", "offered", "凌河村一微")
    ] * 3
    refused = await dispatch.http.get("/v1/orders", params={"tenant": TENANT, "after": "no cursor"})
    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")


async def test_the_order_of_a_merged_case_is_cancelled_and_an_unmerged_case_gets_another(dispatch: Stage) -> None:
    case = registered()
    about = {"tenant": TENANT, "occurred_at": case.occurred_at, "case_id": case.case_id, "case_no": case.case_no}
    into = {"into_case_id": new_id(), "into_case_no": "20261123-000002"}
    merged = CaseMerged(**about, **into, opening=0)
    unmerged = CaseUnmerged(
        **case.model_dump(exclude={"id", "correlation_id", "opening"}),
        from_case_id=new_id(),
        from_case_no="20261123-000002",
        opening=1,
    )
    await dispatch.hear(case)
    [offer] = await dispatch.said(OrderOffered)
    await act(dispatch, offer.order_id, "claim", "M1")
    await dispatch.hear(unmerged)
    assert len(await dispatch.said(OrderDispatched)) == 1
    await dispatch.hear(merged)
    await dispatch.retry_now()
    [cancelled] = await dispatch.said(OrderCancelled)
    assert (cancelled.order_id, cancelled.member_ids, cancelled.because) == (offer.order_id, ("M1",), "merged")
    first, second = await dispatch.said(OrderDispatched)
    assert first.order_id == cancelled.order_id
    shown = [await dispatch.http.get(f"/v1/orders/{o.order_id}?tenant={TENANT}") for o in (first, second)]
    assert [(s.json()["state"], s.json()["opening"]) for s in shown] == [("cancelled", 0), ("offered", 1)]
    voided = CaseVoided(**about, category_name="路灯不亮", end_reason=EndReason.TEST, opening=1)
    await dispatch.hear(stamped(voided), stamped(voided))
    assert [c.because for c in await dispatch.said(OrderCancelled)] == ["merged", "voided"]
    async with dispatch.database() as db:
        assert await db.rows(text("SELECT 1 FROM members WHERE open_orders <> 0")) == []
        assert await db.rows(text("SELECT 1 FROM timers")) == []


async def test_an_order_is_cancelled_though_its_case_was_voided_before_it_was_heard_of(dispatch: Stage) -> None:
    case = registered()
    about = {"tenant": TENANT, "occurred_at": case.occurred_at, "case_id": case.case_id, "case_no": case.case_no}
    await dispatch.hear(CaseVoided(**about, category_name="路灯不亮", end_reason=EndReason.TEST, opening=0))
    [(reason, given_up)] = await dispatch.kept()
    assert (str(case.case_id) in reason, given_up) == (True, False)
    await dispatch.hear(case)
    await dispatch.retry_now()
    assert len(await dispatch.said(OrderCancelled)) == 1
    never_registered = {**about, "case_id": new_id()}
    await dispatch.hear(CaseVoided(**never_registered, category_name="路灯不亮", end_reason=EndReason.TEST))
    assert await dispatch.kept() == []
