"""Errands and service orders with a window and papers, on real NATS and PostgreSQL: incident and dispatch together."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from libs.chassis.db.ids import new_id
from libs.contracts.dispatch import OrderDispatched, OrderHandled, OrderOffered, OrderRescheduled
from libs.contracts.incident import CaseAppointmentChanged, CaseRegistered, CaseReopened
from libs.contracts.values import Appointment, Place, RequestKind
from tests.support.both import Both, make_both
from tests.support.dispatch import TENANT, act, registered
from tests.support.stage import MakeStage, stamped

PAPERS = ["户口簿", "授权委托书"]


@pytest.fixture
async def both(stage: MakeStage) -> Both:
    return await make_both(stage)


def window(starts_in: timedelta, length: timedelta = timedelta(hours=2)) -> dict[str, str]:
    starts_at = datetime.now(UTC).replace(microsecond=0) + starts_in
    return {"starts_at": starts_at.isoformat(), "ends_at": (starts_at + length).isoformat()}


async def report(both: Both, key: str = "k-1", **more: Any) -> httpx.Response:
    return await both.report(key, text="请帮老人代办", **{"request_kind": "errand", **more})


async def test_an_errand_for_tomorrow_is_offered_claimed_handed_in_with_every_paper_and_closed(both: Both) -> None:
    expected = window(timedelta(days=1))
    taken = await report(both, appointment=expected, documents=PAPERS)
    assert taken.status_code == 201, taken.text
    await both.settled()
    starts_at = datetime.fromisoformat(expected["starts_at"])
    [offer] = await both.dispatch.said(OrderOffered)
    assert offer.appointment is not None
    assert (offer.appointment.starts_at, list(offer.documents)) == (starts_at, PAPERS)
    [order] = await both.orders()
    assert datetime.fromisoformat(order["claim_by"]) <= starts_at < datetime.fromisoformat(order["handle_by"])
    assert datetime.fromisoformat(order["appointment_starts_at"]) == starts_at
    assert order["documents"] == PAPERS
    for service, name in ((both.dispatch, "orders"), (both.incident, "cases")):
        file = await service.http.get(f"/v1/{name}.csv", params={"tenant": TENANT})
        [line] = csv.DictReader(io.StringIO(file.text.lstrip("\ufeff")))
        assert line["documents"] == "、".join(PAPERS)

    order_id = offer.order_id
    await act(both.dispatch, order_id, "claim", "M1")
    body = {"tenant": TENANT, "member_id": "M1", "note": "办好了", "documents_returned": PAPERS[:1]}
    missing = await both.dispatch.http.post(f"/v1/orders/{order_id}/hand_in", json=body)
    assert (missing.status_code, PAPERS[1] in missing.json()["detail"]) == (409, True)
    await act(both.dispatch, order_id, "hand_in", "M1", note="办好了", documents_returned=PAPERS)
    await act(both.dispatch, order_id, "check", "M2", passed=True)
    await both.settled()

    [handled] = await both.dispatch.said(OrderHandled)
    assert (handled.on_time, list(handled.documents_returned)) == (True, PAPERS)
    case = await both.case(taken.json())
    assert (case["state"], case["documents"]) == ("closed", PAPERS)
    assert datetime.fromisoformat(case["appointment"]["starts_at"]) == starts_at
    assert [s["details"]["documents_returned"] for s in case["timeline"] if s["step"] == "handled"] == [PAPERS]
    shown = (await both.incident.http.get(f"/v1/track/{taken.json()['tracking_code']}")).json()
    assert (shown["documents"], shown["appointment"]) == (PAPERS, case["appointment"])
    assert shown["handle_by"] == case["handle_by"]


async def test_another_system_reports_an_errand_alike(both: Both) -> None:
    expected = window(timedelta(days=2))
    await both.report_over_bus(
        text="代办老年卡",
        place=Place(name="凌河"),
        request_kind=RequestKind.SERVICE_ORDER,
        appointment=expected,
        documents=PAPERS,
    )
    [case] = await both.incident.said(CaseRegistered)
    assert (case.appointment, list(case.documents)) == (Appointment.model_validate(expected), PAPERS)


async def test_orders_are_looked_for_by_their_appointment(both: Both) -> None:
    for days in (1, 3):
        await report(both, f"k-{days}", appointment=window(timedelta(days=days)))
    await report(both, "k-any")
    await both.settled()
    assert len(await both.orders()) == 3
    soon = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    assert len(await both.orders(appointment_before=soon)) == 1
    file = await both.dispatch.http.get("/v1/orders.csv", params={"tenant": TENANT, "appointment_before": soon})
    assert len(file.text.splitlines()) == 2


async def test_what_does_not_fit_is_refused_and_says_what_would(both: Both) -> None:
    tomorrow = window(timedelta(days=1))
    for more, says in (
        ({"appointment": window(timedelta(days=-1))}, "over"),
        ({"appointment": window(timedelta(days=61))}, "60 days"),
        ({"appointment": window(timedelta(days=1), timedelta(hours=25))}, "24 hours"),
        ({"appointment": window(timedelta(days=1), timedelta(hours=-1))}, "24 hours"),
        ({"appointment": tomorrow, "request_kind": "snapshot"}, "service_order"),
        ({"documents": ["身份证 370784199001010017"]}, "Name the paper"),
        ({"documents": ["户口簿"] * 2}, "once"),
        ({"documents": ["x" * 101]}, "100"),
        ({"documents": [str(n) for n in range(21)]}, "20"),
    ):
        refused = await report(both, **more)
        assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")
        assert says in refused.text, refused.text
        assert "19900101" not in refused.text
    assert (await report(both, appointment=tomorrow)).status_code == 201


async def test_the_window_is_part_of_what_a_key_stands_for_and_an_answer_outlives_it(both: Both) -> None:
    tomorrow = window(timedelta(days=1))
    first = await report(both, appointment=tomorrow, documents=PAPERS)
    assert (await report(both, appointment=tomorrow, documents=PAPERS)).json() == first.json()
    for other in ({"appointment": window(timedelta(days=2))}, {"documents": PAPERS}, {}):
        assert (await report(both, **other)).json()["title"] == "Key used for another report"
    short = window(-timedelta(hours=1), timedelta(hours=1, seconds=8))
    taken = await report(both, "k-2", appointment=short)
    assert taken.status_code == 201, taken.text
    left = datetime.fromisoformat(short["ends_at"]) - datetime.now(UTC)
    await asyncio.sleep(left.total_seconds() + 0.1)
    again = await report(both, "k-2", appointment=short)
    assert (again.status_code, again.json()) == (201, taken.json())


async def test_a_case_that_is_opened_again_keeps_its_papers_and_not_its_past_window(both: Both) -> None:
    short = window(-timedelta(hours=1), timedelta(hours=1, seconds=20))
    taken = (await report(both, appointment=short, documents=PAPERS)).json()
    await both.settled()
    [order] = await both.dispatch.said(OrderDispatched)
    await act(both.dispatch, order.order_id, "claim", "M1")
    await act(both.dispatch, order.order_id, "hand_in", "M1", note="办好了", documents_returned=PAPERS)
    await act(both.dispatch, order.order_id, "check", "M2", passed=True)
    again = CaseReopened(
        tenant=TENANT,
        occurred_at=datetime.now(UTC) + timedelta(seconds=20),
        case_id=order.case_id,
        case_no=taken["case_no"],
        order_id=order.order_id,
        opening=1,
        times=1,
        to_street=False,
    ).stamped(new_id(), order.case_id)
    await both.dispatch.hear(again, again)
    [second] = await both.orders(state="offered")
    assert (second["documents"], second["appointment_starts_at"]) == (PAPERS, None)


async def change(both: Both, receipt: dict[str, str], wanted: dict[str, str], by: str | None = None) -> httpx.Response:
    if by is None:
        return await both.incident.http.post(
            f"/v1/track/{receipt['tracking_code']}/appointment", json={"appointment": wanted}
        )
    body = {"tenant": TENANT, "by_member": by, "appointment": wanted}
    return await both.incident.http.post(f"/v1/cases/{receipt['case_no']}/appointment", json=body)


async def test_another_window_moves_the_order_and_the_promise(both: Both) -> None:
    taken = (await report(both, appointment=window(timedelta(days=1)))).json()
    await both.settled()
    before = datetime.now(UTC)
    [order] = await both.orders()
    await act(both.dispatch, order["order_id"], "claim", "M1")
    later = window(timedelta(days=5))
    answers = [await change(both, taken, later) for _ in range(2)]
    assert [a.status_code for a in answers] == [200, 200]
    await both.settled()
    [told] = await both.incident.said(CaseAppointmentChanged)
    [moved] = await both.dispatch.said(OrderRescheduled)
    assert (told.changes, told.by_member, moved.member_ids) == (1, None, ("M1",))
    [now] = await both.orders()
    assert (now["state"], now["member_id"]) == ("claimed", "M1")
    assert datetime.fromisoformat(now["handle_by"]) == moved.handle_by > datetime.fromisoformat(order["handle_by"])
    case = await both.case(taken)
    assert datetime.fromisoformat(case["handle_by"]) == moved.handle_by
    assert case["appointment"]["starts_at"] == now["appointment_starts_at"] != order["appointment_starts_at"]
    assert {"appointment_changed", "rescheduled"} <= {step["step"] for step in case["timeline"]}
    url = f"/v1/cases/{taken['case_no']}"
    then = (await both.incident.http.get(url, params={"tenant": TENANT, "as_of": before.isoformat()})).json()
    assert then["appointment"]["starts_at"] == order["appointment_starts_at"]
    async with both.dispatch.database() as db:
        timer = await db.one(text("SELECT body ->> 'stage_ends_at' AS ends FROM timers WHERE name = 'OrderClock'"))
    assert timer is not None
    assert datetime.fromisoformat(timer.ends) == moved.handle_by

    again = stamped(told)
    await both.dispatch.hear(again, again)
    assert len(await both.dispatch.said(OrderRescheduled)) == 1
    assert (await change(both, taken, window(timedelta(days=6)), "M3")).status_code == 200
    await both.settled()
    assert [f.changes for f in await both.incident.said(CaseAppointmentChanged)] == [1, 2]


async def test_a_change_that_cannot_be_is_refused(both: Both) -> None:
    tomorrow = window(timedelta(days=1))
    begun = (await report(both, "k-1", appointment=window(-timedelta(minutes=1)))).json()
    refused = await change(both, begun, tomorrow)
    assert (refused.status_code, refused.json()["title"]) == (409, "Appointment has begun")
    assert (await change(both, begun, tomorrow, "M3")).status_code == 200
    assert (await change(both, begun, window(timedelta(days=-1)), "M3")).status_code == 422
    snapshot = (await report(both, "k-2", request_kind="snapshot")).json()
    assert (await change(both, snapshot, tomorrow, "M3")).status_code == 409
    nobody = {"tracking_code": "0123456789ABC", "case_no": "20261123-999999"}
    assert [(await change(both, nobody, tomorrow, by)).status_code for by in (None, "M3")] == [404, 404]


async def test_a_change_that_overtakes_its_order_waits_and_one_without_an_order_moves_none(both: Both) -> None:
    case = registered().model_copy(update={"request_kind": RequestKind.ERRAND})
    starts_at = datetime.now(UTC) + timedelta(days=3)
    told = stamped(
        CaseAppointmentChanged(
            tenant=TENANT,
            occurred_at=datetime.now(UTC) + timedelta(seconds=1),
            case_id=case.case_id,
            case_no=case.case_no,
            appointment=Appointment(starts_at=starts_at, ends_at=starts_at + timedelta(hours=1)),
            changes=1,
            opening=0,
        )
    )
    await both.dispatch.hear(told.model_copy(update={"id": new_id(), "opening": None}))
    assert await both.dispatch.kept() == []
    await both.dispatch.hear(told)
    [(reason, given_up)] = await both.dispatch.kept()
    assert ("is not here yet" in reason, given_up) == (True, False)
    async with both.dispatch.database() as db:
        await db.execute(text("ALTER TABLE orders ADD CONSTRAINT broken CHECK (appointment_changes = 0)"))
    await both.dispatch.hear(case)
    await both.dispatch.retry_now()
    assert await both.dispatch.said(OrderRescheduled) == []
    async with both.dispatch.database() as db:
        await db.execute(text("ALTER TABLE orders DROP CONSTRAINT broken"))
    await both.dispatch.retry_now()
    [moved] = await both.dispatch.said(OrderRescheduled)
    assert moved.appointment == told.appointment
