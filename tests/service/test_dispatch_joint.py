"""Several organisations at one order, on real NATS and PostgreSQL: incident and dispatch together, over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from libs.contracts.dispatch import (
    HelpAsked,
    HelpAssigned,
    HelpCalledOff,
    HelpDone,
    HelpOverdue,
    InspectionAssigned,
    OrderChecked,
    OrderOverdue,
)
from tests.support.both import Both, make_both
from tests.support.dispatch import TENANT, act
from tests.support.stage import MakeStage

BESIDE = "37078400420102"
TASK = "出动清障车，配合封闭路口"


@pytest.fixture
async def both(stage: MakeStage) -> Both:
    return await make_both(stage, beside=True)


async def claimed(both: Both, key: str = "k-1") -> tuple[dict[str, Any], UUID]:
    """A case, and its order, which M1 has claimed."""
    case = (await both.report(key)).json()
    await both.settled()
    [order] = await both.orders(unit="37078400420101", state="offered")
    await act(both.dispatch, order["order_id"], "claim", "M1")
    return case, order["order_id"]


async def helper(both: Both, order_id: UUID, by: str = "M1", **more: object) -> dict[str, Any]:
    order = await act(both.dispatch, order_id, "helpers", by, unit=BESIDE, task=TASK, **more)
    found: dict[str, Any] = order["helpers"][-1]
    return found


async def wanted(both: Both, **who: str) -> list[dict[str, Any]]:
    answer = await both.dispatch.http.get("/v1/helpers", params={"tenant": TENANT, **who})
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_a_joint_order_from_asking_to_the_shares_of_its_points(both: Both) -> None:
    case, order_id = await claimed(both)
    asked = await helper(both, order_id)
    assert (await helper(both, order_id))["help_id"] == asked["help_id"]
    [told] = await both.dispatch.said(HelpAsked)
    assert (told.unit, told.task, str(told.help_id)) == (BESIDE, TASK, asked["help_id"])
    [listed] = await wanted(both, unit=BESIDE)
    assert (listed["case_no"], listed["answering_unit"], listed["task"], listed["state"]) == (
        case["case_no"],
        "37078400420101",
        TASK,
        "asked",
    )
    assert await wanted(both, unit="37078400420101") == []
    path = f"helpers/{asked['help_id']}"
    await act(both.dispatch, order_id, f"{path}/assign", "N1", to_member="N1")
    [given] = await both.dispatch.said(HelpAssigned)
    [mine] = await wanted(both, member_id="N1")
    assert (given.member_id, mine["help_id"], mine["state"]) == ("N1", asked["help_id"], "assigned")
    assert [each["help_id"] for each in await wanted(both)] == [asked["help_id"]]
    await act(both.dispatch, order_id, "hand_in", "M1", note="灯已修好")
    await both.settled()
    assert await both.dispatch.said(InspectionAssigned) == []
    early = await both.dispatch.http.post(
        f"/v1/orders/{order_id}/check",
        json={"tenant": TENANT, "member_id": "M2", "passed": True},
        headers={"Accept-Language": "zh"},
    )
    assert (early.status_code, early.json()["detail"][:7]) == (409, "协办尚未办结：")
    await act(both.dispatch, order_id, f"{path}/finish", "N1", note="路口已放行")
    [done], [sent] = await both.dispatch.said(HelpDone), await both.dispatch.said(InspectionAssigned)
    assert (done.left, done.on_time, sent.order_id, sent.member_id != "N1") == (0, True, UUID(str(order_id)), True)
    assert await wanted(both) == []
    await act(both.dispatch, order_id, "check", sent.member_id, passed=True)
    [checked] = await both.dispatch.said(OrderChecked)
    assert [(share.member_id, share.points) for share in checked.helped] == [("N1", 1)]
    assert checked.points == 4
    await both.settled()
    steps = [each["step"] for each in (await both.case(case))["timeline"]]
    assert [step for step in steps if step.startswith("help")] == ["help_asked", "help_assigned", "help_done"]


async def test_a_late_helper_is_told_and_the_order_stays_where_it_is(both: Both) -> None:
    _, order_id = await claimed(both)
    asked = await helper(both, order_id)
    async with both.dispatch.database() as db:
        [clock] = await db.rows(text("SELECT due_at FROM timers WHERE name = 'HelpClock'"))
        [before] = await db.rows(text("SELECT unit, handle_by FROM orders"))
        assert clock.due_at == before.handle_by
        early = before.handle_by - timedelta(days=30)
        await db.execute(
            text("UPDATE orders SET helpers = jsonb_set(helpers, '{0,due_at}', to_jsonb(CAST(:at AS text)))"),
            {"at": early.isoformat()},
        )
        await db.execute(
            text(
                "UPDATE timers SET due_at = :at, body = jsonb_set(CAST(body AS jsonb), '{due_at}', "
                "to_jsonb(CAST(:text AS text))) WHERE name = 'HelpClock'"
            ),
            {"at": early, "text": early.isoformat()},
        )
    await both.dispatch.fire_timers()
    [late] = await both.dispatch.said(HelpOverdue)
    assert (str(late.help_id), late.unit, late.due_at) == (asked["help_id"], BESIDE, early)
    assert await both.dispatch.said(OrderOverdue) == []
    [order] = await both.orders()
    assert (order["unit"], order["state"]) == (before.unit, "claimed")
    async with both.dispatch.database() as db:
        assert await db.rows(text("SELECT 1 FROM timers WHERE name = 'HelpClock'")) == []
    done = await act(both.dispatch, order_id, f"helpers/{asked['help_id']}/finish", "N1", note="晚了")
    assert done["helpers"][0]["on_time"] is False


async def test_an_order_that_is_voided_calls_its_helpers_off(both: Both) -> None:
    case, order_id = await claimed(both)
    asked = await helper(both, order_id)
    void = {"tenant": TENANT, "by_member": "M1", "reason": "mistaken", "note": "误报"}
    answer = await both.incident.http.post(f"/v1/cases/{case['case_no']}/void", json=void)
    assert answer.status_code == 200, answer.text
    await both.settled()
    [off] = await both.dispatch.said(HelpCalledOff)
    assert (str(off.help_id), off.why) == (asked["help_id"], "order_over")
    late = await both.dispatch.http.post(
        f"/v1/orders/{order_id}/helpers/{asked['help_id']}/finish",
        json={"tenant": TENANT, "member_id": "N1", "note": "好了"},
    )
    assert late.status_code == 409
    async with both.dispatch.database() as db:
        assert await db.rows(text("SELECT 1 FROM timers WHERE name = 'HelpClock'")) == []


async def test_called_off_when_the_order_is_handed_in_somebody_is_sent_to_check_it(both: Both) -> None:
    _, order_id = await claimed(both)
    asked = await helper(both, order_id)
    await act(both.dispatch, order_id, "hand_in", "M1", note="灯已修好")
    await act(both.dispatch, order_id, f"helpers/{asked['help_id']}/call_off", "M1", reason="不再需要")
    [sent] = await both.dispatch.said(InspectionAssigned)
    assert sent.order_id == UUID(str(order_id))


async def test_what_cannot_be_is_refused_in_a_sentence(both: Both) -> None:
    _, order_id = await claimed(both)
    asked = await helper(both, order_id)

    async def refused(path: str, **body: object) -> httpx.Response:
        said = {"tenant": TENANT, "member_id": "M1", **body}
        return await both.dispatch.http.post(f"/v1/orders/{order_id}/{path}", json=said)

    unknown = "019aaf3c-8800-7b21-9c40-7d8e9fa0b1c2"
    assert (await refused(f"helpers/{unknown}/finish", note="好了")).status_code == 404
    assert (await refused("helpers", unit="370784004999", task="x")).json()["detail"].startswith("370784004999 is no")
    assert (await refused("helpers", unit=BESIDE, task="别的", share=51)).status_code == 422
    assert (await refused(f"helpers/{asked['help_id']}/finish", note="好了")).status_code == 409
    assert (await both.dispatch.http.get("/v1/helpers", params={"tenant": "370784009"})).status_code == 404
