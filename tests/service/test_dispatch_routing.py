"""Routing on the whole demonstration street: names, rules, who hears, what a change would make of past cases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from deploy.local.linghe import street
from libs import sealing
from libs.chassis.db.ids import new_id
from libs.contracts.dispatch import OrderDispatched
from libs.contracts.incident import CaseRegistered
from libs.contracts.values import Place, RequestKind
from services.dispatch.roster import importing as roster
from tests.support.cli import wangge
from tests.support.roster_folder import edit
from tests.support.stage import KEYS, MakeStage, Stage

TENANT = "370784004"
BIG_RULIN, WEST_RULIN, UTILITY = "370784004215", "370784004218", "3707840040401"
REPLAY = "/v1/routing/replay"


@pytest.fixture(scope="module")
def linghe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("linghe")
    street.write(street.build(), folder)
    return folder


@pytest.fixture
async def dispatch(stage: MakeStage, linghe: Path) -> Stage:
    running = await stage("dispatch")
    await put(running, linghe)
    return running


async def put(dispatch: Stage, folder: Path) -> None:
    wanted = roster.read(folder, TENANT, KEYS[1])
    async with dispatch.database() as db:
        await roster.import_roster(db, wanted, sealing.Sealer(KEYS[1]), datetime.now(UTC))


def registered(name: str, category: str = "11001") -> CaseRegistered:
    return CaseRegistered(
        tenant=TENANT,
        occurred_at=datetime.now(UTC),
        case_id=new_id(),
        case_no="20261123-000001",
        category=category,
        category_name="路灯不亮",
        request_kind=RequestKind.SNAPSHOT,
        place=Place(name=name),
        summary="路灯不亮",
    )


async def asked(dispatch: Stage, path: str, status: int = 200, **body: Any) -> Any:
    answer = await dispatch.http.post(path, json={"tenant": TENANT, **body})
    assert answer.status_code == status, answer.text
    return answer.json()


async def dry_run(dispatch: Stage, name: str, category: str = "11001") -> Any:
    return await asked(dispatch, "/v1/routing/dry-run", category=category, place={"name": name})


async def test_a_name_that_is_not_certain_is_asked_back_and_a_case_of_it_goes_to_the_desk(dispatch: Stage) -> None:
    name = "大儒林与西儒林之间"
    route = await dry_run(dispatch, name)
    assert (route["unit"], route["certain"]) == (TENANT, False)
    assert [c["code"] for c in route["candidates"]] == [BIG_RULIN, WEST_RULIN]
    assert route["candidates"][0]["path"] == "凌河街道 › 和顺社区 › 大儒林村网格"
    await dispatch.hear(registered(name))
    [order] = await dispatch.said(OrderDispatched)
    assert order.unit == TENANT
    assert [each.values.get("code") for each in order.because[:3]] == [None, BIG_RULIN, WEST_RULIN]


async def test_a_dry_run_and_the_order_that_is_made_have_the_same_reasons(dispatch: Stage) -> None:
    route = await dry_run(dispatch, "大如林村委会")
    await dispatch.hear(registered("大如林村委会"))
    [order] = await dispatch.said(OrderDispatched)
    assert order.unit == route["unit"]
    assert [each.zh for each in order.because] == [each["zh"] for each in route["because"]]
    assert [each.en for each in order.because] == [each["en"] for each in route["because"]]
    assert route["certain"]
    assert route["because"][0] == {
        "reason": "name_misspelt",
        "values": {"said": "大如林", "name": "大儒林"},
        "zh": "“大如林”与“大儒林”相差一个字",
        "en": "“大如林” is one character off “大儒林”",
    }
    shown = await dispatch.http.get(f"/v1/orders/{order.order_id}", params={"tenant": TENANT})
    assert shown.json()["because"] == route["because"]


async def test_a_dry_run_tells_who_hears_first_and_why_others_do_not(dispatch: Stage) -> None:
    route = await dry_run(dispatch, "大儒林村")
    first = route["hear_first"]
    assert len(first) == 3
    async with dispatch.database() as db:
        await db.execute(
            text("UPDATE members SET absent_until = :until WHERE member_id = :member"),
            {"until": datetime(2090, 1, 1, tzinfo=UTC), "member": first[0]},
        )
        await db.execute(
            text("UPDATE members SET open_orders = workload_limit WHERE member_id = :member"), {"member": first[1]}
        )
    again = await dry_run(dispatch, "大儒林村")
    passed = {each["reason"]: each for each in again["passed_over"]}
    assert first[2] in again["hear_first"]
    assert passed["absent"] == {"reason": "absent", "count": 1, "members": [first[0]]}
    assert passed["at_limit"] == {"reason": "at_limit", "count": 1, "members": [first[1]]}
    assert passed["without_skill"]["count"] > 0
    said = {each["reason"]: each["values"] for each in again["because"]}
    assert said["skilled_hear_first"]["skills"] == "electrician"
    assert said["absent"] == said["at_limit"] == {"count": 1}


async def test_names_are_suggested_while_they_are_typed(dispatch: Stage) -> None:
    answer = await dispatch.http.get("/v1/places", params={"tenant": TENANT, "q": "凌河中"})
    assert [each["name"] for each in answer.json()] == ["凌河初级中学", "凌河中心小学"]
    assert (await dispatch.http.get("/v1/places", params={"tenant": "999999999", "q": "凌"})).status_code == 404


async def test_rules_and_places_take_effect_with_the_roster_and_without_a_restart(
    dispatch: Stage, linghe: Path, tmp_path: Path
) -> None:
    before = await dry_run(dispatch, "大儒林", "11011")
    assert (before["unit"], before["rule"]) == (UTILITY, 10)
    street.write(street.build(), tmp_path)
    edit(tmp_path / "routing_rules.csv", lambda lines: lines[0].update(to_unit=BIG_RULIN))
    edit(tmp_path / "places.csv", lambda lines: lines[0].update(name="三棵槐", unit=WEST_RULIN, aliases=""))
    await put(dispatch, tmp_path)
    assert (await dry_run(dispatch, "大儒林", "11011"))["unit"] == BIG_RULIN
    assert (await dry_run(dispatch, "三棵槐路口", "11007"))["unit"] == WEST_RULIN


async def test_a_replay_says_what_other_rules_would_have_made_of_past_cases(
    dispatch: Stage, linghe: Path, tmp_path: Path
) -> None:
    await dispatch.hear(*(registered("大儒林", c) for c in ("11001", "11011", "11011", "11007")), registered("三棵槐"))
    same = await asked(dispatch, REPLAY)
    assert (same["cases"], same["differing"], same["first"]) == (5, 0, [])
    none = await asked(dispatch, REPLAY, rules=[])
    assert none["by_unit"] == [{"before": UTILITY, "after": BIG_RULIN, "cases": 2}]
    rule = {"number": 1, "category": "11", "to_unit": WEST_RULIN, "note": "都归西儒林"}
    place = {"place_id": "L1", "name": "三棵槐", "kind": "tree", "unit": BIG_RULIN}
    changed = await asked(dispatch, REPLAY, rules=[rule], places=[place], shown=1)
    assert (changed["differing"], len(changed["first"])) == (5, 1)
    ruled = changed["first"][0]["because_after"][2]
    assert ruled["zh"] == f"规则 1（都归西儒林）先于权责清单：西儒林村网格（{WEST_RULIN}）"
    wrong = await asked(dispatch, REPLAY, 422, rules=[{**rule, "to_unit": "370784004999"}])
    assert wrong["detail"] == "rules.0, to_unit: 370784004999 is no unit of the street"

    street.write(street.build(), tmp_path)
    edit(tmp_path / "routing_rules.csv", lambda lines: lines[0].update(to_unit=WEST_RULIN))
    command = ("routing", "replay", str(tmp_path), "--tenant", TENANT, "--days", "1")
    result = await asyncio.to_thread(wangge, *command)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("5 cases of 1 day, 2 of which would go elsewhere.\n")
    assert f"11011: {UTILITY} → {WEST_RULIN}" in result.stdout
    assert len(await dispatch.said(OrderDispatched)) == 5
