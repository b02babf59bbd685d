"""A report whose point is only good to some metres, from the first word to who is offered its order elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from libs.contracts.dispatch import OrderOffered, OrderPassedOn
from libs.contracts.values import Place, Point
from tests.support.both import BESIDE, Both, make_both
from tests.support.dispatch import TENANT, absence, act
from tests.support.stage import MakeStage

HERE = "37078400420101"
POINT = {"longitude": 1 - 15 / 111_320, "latitude": 0.5, "accuracy_m": 40.0}
"""15 m to the west of the border."""


@pytest.fixture
async def both(stage: MakeStage) -> Both:
    return await make_both(stage, beside=True)


async def test_a_point_near_a_border_has_candidates_and_one_move_passes_its_order_on(both: Both) -> None:
    taken = await both.report(place={"point": POINT})
    assert taken.status_code == 201, taken.text
    await both.settled()
    assert (await both.case(taken.json()))["accuracy_m"] == 40.0
    [order] = await both.orders()
    assert (order["unit"], order["other_units"], order["other_unit_names"]) == (HERE, [BESIDE], ["凌河村二微"])
    assert order["place"]["point"] == POINT
    may_lie = order["because"][[why["reason"] for why in order["because"]].index("point_may_lie_in")]
    assert may_lie["values"] == {"unit": "凌河村二微", "code": BESIDE, "metres": 15}
    assert (await both.dispatch.said(OrderOffered))[-1].place.point == Point(**POINT)
    await act(both.dispatch, order["order_id"], "claim", "M1")
    passed = await act(both.dispatch, order["order_id"], "pass_on", "M2", unit=BESIDE, reason="灯在路的另一侧")
    assert (passed["unit"], passed["state"], passed["other_units"]) == (BESIDE, "offered", [HERE])
    assert passed["offered_to"][:2] == ["N1", "N2"]
    await both.settled()
    [fact] = await both.dispatch.said(OrderPassedOn)
    assert (fact.from_org, fact.org_id, fact.taken_from) == ("P4", "P5", ("M1",))
    timeline = (await both.case(taken.json()))["timeline"]
    [dispatched] = [step for step in timeline if step["step"] == "dispatched"]
    assert dispatched["details"]["because"] == order["because"]
    [step] = [step for step in timeline if step["step"] == "passed_on"]
    assert step["details"]["reason"] == "灯在路的另一侧"
    tracked = await both.incident.http.get(f"/v1/track/{taken.json()['tracking_code']}")
    assert "已转派" in tracked.text
    await act(both.dispatch, order["order_id"], "claim", "N1")


async def test_who_is_away_there_is_not_asked(both: Both) -> None:
    await both.report(place={"point": POINT})
    await both.settled()
    [order] = await both.orders()
    assert (await both.dispatch.http.post("/v1/absences", json=absence("N1"))).status_code == 201
    passed = await act(both.dispatch, order["order_id"], "pass_on", "M2", unit=BESIDE, reason="灯在路的另一侧")
    assert "N1" not in passed["offered_to"]
    assert "N2" in passed["offered_to"]


async def test_passing_on_is_allowed_only_where_there_are_candidates(both: Both) -> None:
    for key, accuracy_m in (("exact", 5), ("vague", 40)):
        await both.report(key, place={"point": POINT | {"accuracy_m": accuracy_m}})
    await both.settled()
    allowed = [await refused(both, order["order_id"]) for order in await both.orders()]
    assert [("pass_on" in actions) for actions in allowed] == [False, True]


async def refused(both: Both, order_id: str) -> list[str]:
    body = {"tenant": TENANT, "member_id": "M1", "unit": "370784004201", "reason": "在别处"}
    answer = await both.dispatch.http.post(f"/v1/orders/{order_id}/pass_on", json=body)
    assert answer.status_code == 409
    return [each["move"] for each in answer.json()["allowed"]]


async def test_over_the_bus_it_is_the_same(both: Both) -> None:
    await both.report_over_bus(text="路灯不亮", place=Place(point=Point(**POINT)))
    [order] = await both.orders()
    assert (order["unit"], order["other_units"], order["place"]["point"]) == (HERE, [BESIDE], POINT)


@pytest.mark.parametrize("accuracy_m", [-1, 10_001, "很准"])
async def test_an_accuracy_out_of_bounds_is_refused_by_name(both: Both, accuracy_m: Any) -> None:
    answer = await both.report(place={"point": POINT | {"accuracy_m": accuracy_m}})
    assert answer.status_code == 422
    assert "accuracy_m" in answer.text


async def test_before_reporting_the_dry_run_says_that_it_is_not_certain(both: Both) -> None:
    wish = {"tenant": TENANT, "category": "11001", "place": {"point": POINT}}
    route = (await both.dispatch.http.post("/v1/routing/dry-run", json=wish)).json()
    assert (route["unit"], route["certain"]) == (HERE, False)
    assert [(each["code"], each["path"].split(" › ")[-1]) for each in route["candidates"]] == [
        (HERE, "凌河村一微"),
        (BESIDE, "凌河村二微"),
    ]
    certain = (await both.dispatch.http.post("/v1/routing/dry-run", json=_with(wish, 5))).json()
    assert (certain["certain"], certain["candidates"]) == (True, [])


def _with(wish: dict[str, Any], accuracy_m: float) -> dict[str, Any]:
    return wish | {"place": {"point": POINT | {"accuracy_m": accuracy_m}}}
