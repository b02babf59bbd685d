"""Reports that name a component, on real NATS and PostgreSQL: incident and dispatch together."""

from __future__ import annotations

import csv
from typing import Any

import pytest

from libs.contracts.dispatch import OrderCorrected, OrderMoved, OrderOffered
from libs.sheets.workbook import as_csv
from tests.support.both import BESIDE, Both, make_both
from tests.support.dispatch import TENANT, act
from tests.support.stage import MakeStage

HEADER = ("编码", "类别", "名称", "经度", "纬度", "责任单位")
LAMP = ("LD-1", "11001", "村东头的灯", 0.5, 0.5, "P4")
EAST = ("LD-2", "11001", "", 1.5, 0.5, "")
MICRO = "37078400420101"
NOWHERE_ELSE: dict[str, Any] = {"place": None}


@pytest.fixture
async def both(stage: MakeStage) -> Both:
    both = await make_both(stage, beside=True)
    await imported(both, LAMP, EAST)
    return both


async def imported(both: Both, *rows: tuple[Any, ...], **query: Any) -> None:
    sheet = as_csv([HEADER, *rows])
    answer = await both.dispatch.http.put("/v1/components", params={"tenant": TENANT, **query}, content=sheet)
    assert answer.status_code == 200, answer.text


async def taken(both: Both, key: str = "k-1", **more: Any) -> dict[str, str]:
    answer = await both.report(key, **more)
    assert answer.status_code == 201, answer.text
    await both.settled()
    receipt: dict[str, str] = answer.json()
    return receipt


async def correct(both: Both, case: dict[str, str], status: int = 200, **right: Any) -> Any:
    body = {"tenant": TENANT, "by_member": "M0007", "reason": "写错了", **right}
    answer = await both.incident.http.post(f"/v1/cases/{case['case_no']}/correct", json=body)
    assert answer.status_code == status, answer.text
    await both.settled()
    return answer.json()


async def history(both: Both, code: str, **asked: Any) -> Any:
    answer = await both.dispatch.http.get(f"/v1/components/{code}/orders", params={"tenant": TENANT, **asked})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_report_that_names_a_lamp_and_no_place_goes_where_the_lamp_stands(both: Both) -> None:
    case = await taken(both, component="LD-1", **NOWHERE_ELSE)
    [order] = await both.orders()
    assert order["unit"] == MICRO
    assert order["place"] == {"point": {"longitude": 0.5, "latitude": 0.5}, "name": "村东头的灯"}
    assert order["component"] == {
        "code": "LD-1",
        "kind": "11001",
        "kind_name": "路灯不亮",
        "name": "村东头的灯",
        "org_id": "P4",
        "org_name": order["org_name"],
    }
    assert [each["en"] for each in order["because"][:3]] == [
        "the report names the component LD-1 (村东头的灯, 路灯不亮)",
        "it stands where the component does",
        f"{order['org_name']} looks after the component",
    ]
    [offered] = await both.dispatch.said(OrderOffered)
    assert offered.place.name == "村东头的灯"
    shown = await both.case(case)
    assert (shown["component"], shown["place_name"], shown["longitude"]) == ("LD-1", "LD-1", None)
    table = (await both.dispatch.http.get("/v1/orders.csv", params={"tenant": TENANT})).text
    [line] = csv.DictReader(table.splitlines())
    named = ("component", "component_kind", "component_kind_name", "component_name")
    assert [line[name] for name in named] == ["LD-1", "11001", "路灯不亮", "村东头的灯"]


async def test_over_the_bus_it_is_the_same(both: Both) -> None:
    await both.report_over_bus(text="灯不亮", component="LD-2")
    [order] = await both.orders()
    assert (order["unit"], order["component"]["code"], order["place"]["name"]) == (BESIDE, "LD-2", "LD-2")


async def test_a_place_of_its_own_decides_where_it_goes(both: Both) -> None:
    await taken(both, component="LD-2", at=0.5)
    [order] = await both.orders()
    assert (order["unit"], order["place"]["point"]["longitude"]) == (MICRO, 0.5)
    assert order["because"][0]["en"] == "the report names the component LD-2 (路灯不亮)"


async def test_a_code_that_nobody_knows_is_taken_and_the_desk_reads_that(both: Both) -> None:
    await taken(both, component="3707840102000123", **NOWHERE_ELSE)
    [order] = await both.orders()
    assert order["unit"] == TENANT
    assert (order["place"]["name"], order["component"]["kind"]) == ("3707840102000123", None)
    assert order["because"][0]["en"] == "the component 3707840102000123 is not in the inventory"


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"component": "LD 1"}, "component"),
        ({"component": ""}, "component"),
        ({"component": "L" * 65}, "component"),
        ({"component": "13800138000"}, "component"),
        ({"component": "li@mail.example"}, "component"),
        (NOWHERE_ELSE, "place"),
    ],
)
async def test_what_is_no_code_or_nowhere_is_refused_by_its_name(both: Both, said: dict[str, Any], field: str) -> None:
    refused = await both.report(**said)
    assert refused.status_code == 422
    assert field in refused.text


async def test_the_same_report_with_another_component_is_another_report(both: Both) -> None:
    await taken(both, component="LD-1")
    assert (await both.report(component="LD-2")).status_code == 422
    assert (await both.report(component="LD-1")).status_code == 201


async def test_what_was_true_when_it_was_made_stays_with_the_order(both: Both) -> None:
    case = await taken(both, component="LD-1", **NOWHERE_ELSE)
    [before] = await both.orders()
    await imported(both, ("LD-1", "01205", "椅", 1.5, 0.5, ""), replace=True)
    await correct(both, case, text="两盏灯不亮")
    [after] = await both.orders()
    same = ("unit", "place", "component", "because")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert after["summary"] == "两盏灯不亮"
    [named] = (await history(both, "LD-1"))["items"]
    assert (named["component"]["name"], named["component"]["kind"]) == ("村东头的灯", "11001")
    shown = (await both.dispatch.http.get("/v1/components/LD-1", params={"tenant": TENANT})).json()
    assert (shown["name"], [each["name"] for each in shown["history"]]) == ("椅", ["村东头的灯"])


async def test_a_corrected_component_changes_what_the_order_says_and_not_where_it_is(both: Both) -> None:
    case = await taken(both, at=0.5)
    done = await correct(both, case, component="LD-2")
    assert done["corrected"] == ["component"]
    [order] = await both.orders()
    assert (order["unit"], order["component"]["code"]) == (MICRO, "LD-2")
    assert [each["en"] for each in order["because"][-2:]] == [
        "corrected: 写错了",
        "the report names the component LD-2 (路灯不亮)",
    ]
    assert len(await both.dispatch.said(OrderCorrected)) == 1
    assert await both.dispatch.said(OrderMoved) == []
    await correct(both, case, component=None)
    [order] = await both.orders()
    assert order["component"] is None
    [step, _] = [step["details"] for step in (await both.case(case))["timeline"] if step["step"] == "corrected"]
    assert (step["before"], step["after"]) == ({"component": None}, {"component": "LD-2"})


async def test_where_there_is_no_other_place_the_right_component_moves_the_order(both: Both) -> None:
    case = await taken(both, component="LD-1", **NOWHERE_ELSE)
    refused = await correct(both, case, 409, component=None)
    assert "place" in refused["detail"]
    done = await correct(both, case, component="LD-2")
    assert done["corrected"] == ["place", "component"]
    [order] = await both.orders()
    assert (order["unit"], order["place"]["point"]["longitude"]) == (BESIDE, 1.5)
    [moved] = await both.dispatch.said(OrderMoved)
    assert moved.from_unit == MICRO


async def test_a_component_shows_who_did_what_for_it_the_newest_first(both: Both) -> None:
    first = await taken(both, component="LD-1")
    second = await taken(both, "k-2", component="LD-1")
    await taken(both, "k-3", component="LD-2")
    [order] = [each for each in await both.orders() if each["case_no"] == first["case_no"]]
    await act(both.dispatch, order["order_id"], "claim", "M1")
    newest = await history(both, "LD-1", limit=1)
    assert [each["case_no"] for each in newest["items"]] == [second["case_no"]]
    assert newest["total"] == {"count": 2, "more": False}
    [oldest] = (await history(both, "LD-1", limit=1, after=newest["next"]))["items"]
    assert (oldest["case_no"], oldest["state"], oldest["member_id"]) == (first["case_no"], "claimed", "M1")
    assert oldest["made_at"] is not None
    assert (await history(both, "nobody/knows"))["items"] == []


async def test_the_dry_run_says_where_a_report_of_a_lamp_would_go(both: Both) -> None:
    wish = {"tenant": TENANT, "category": "11001", "component": "LD-1"}
    route = (await both.dispatch.http.post("/v1/routing/dry-run", json=wish)).json()
    assert (route["unit"], route["because"][0]["reason"]) == (MICRO, "component_named")
    nowhere = await both.dispatch.http.post("/v1/routing/dry-run", json={"tenant": TENANT, "category": "11001"})
    assert (nowhere.status_code, "component" in nowhere.json()["detail"]) == (422, True)
