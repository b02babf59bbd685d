"""Components on real NATS and PostgreSQL: imported whole or not at all, listed, the nearest found, taken away."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import shapely
from sqlalchemy import text
from typer.testing import CliRunner

from libs.chassis.handlers import Done, Refused
from libs.sheets.workbook import as_csv, as_xlsx
from services.dispatch.components.domain.commands import ImportComponents
from services.dispatch.components.domain.inventory import Component
from tests.support.dispatch import TENANT, put_street
from tests.support.stage import MakeStage, Stage
from wangge.main import app

COMPONENTS = "/v1/components"
WEST, EAST = "37078400420101", "37078400420102"
HEADER = ("编码", "类别", "名称", "经度", "纬度", "责任单位")
LAMP = ("LD-1", "11001", "路灯", 0.5, 0.5, "P4")
LID = ("JG-1", "01101", "", 0.6, 0.5, "")
BENCH = ("椅/1", "01205", "椅", 1.5, 0.5, "二组")
SECOND = f"""
INSERT INTO units (tenant, code, level, parent, name, aliases, org_id, org_kind, org_name, border) VALUES
('{TENANT}', '{EAST}', 'micro_grid', '370784004201', '凌河村二微', '[]', 'P5', 'party_group', '二组',
 decode('{shapely.box(1, 0, 2, 1).wkb_hex}', 'hex'))
"""


@pytest.fixture
async def dispatch(stage: MakeStage) -> Stage:
    """On a street of two micro-grids, one east of the other."""
    running = await stage("dispatch")
    await put_street(running)
    async with running.database() as db:
        await db.execute(text(SECOND))
    return running


def table(*rows: tuple[Any, ...]) -> bytes:
    return as_csv([HEADER, *rows])


async def put(dispatch: Stage, content: bytes, status: int = 200, **query: Any) -> Any:
    answer = await dispatch.http.put(COMPONENTS, params={"tenant": TENANT, **query}, content=content)
    assert answer.status_code == status, answer.text
    return answer.json()


async def preview(dispatch: Stage, content: bytes, **query: Any) -> Any:
    answer = await dispatch.http.post(f"{COMPONENTS}/preview", params={"tenant": TENANT, **query}, content=content)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def get(dispatch: Stage, path: str = "", status: int = 200, **query: Any) -> httpx.Response:
    answer = await dispatch.http.get(COMPONENTS + path, params={"tenant": TENANT, **query})
    assert answer.status_code == status, answer.text
    return answer


async def codes(dispatch: Stage, **query: Any) -> list[str]:
    return [each["code"] for each in (await get(dispatch, **query)).json()["items"]]


async def everything(dispatch: Stage) -> list[Any]:
    async with dispatch.database() as db:
        return [
            list(await db.rows(text(f"SELECT * FROM {name} ORDER BY 1, 2, 3")))
            for name in ("components", "former_components", "component_versions")
        ]


def counts(change: dict[str, Any]) -> tuple[int, ...]:
    return tuple(change[name] for name in ("version", "new", "changed", "moved", "same", "retired"))


async def test_an_import_is_shown_before_it_holds_and_lists_say_names_beside_ids(dispatch: Stage) -> None:
    content = table(LAMP, LID, BENCH)
    nothing = await everything(dispatch)
    assert counts(await preview(dispatch, content)) == (0, 3, 0, 0, 0, 0)
    assert await everything(dispatch) == nothing
    assert counts(await put(dispatch, content)) == (1, 3, 0, 0, 0, 0)
    page = (await get(dispatch, limit=2)).json()
    assert page["total"] == {"count": 3, "more": False}
    assert page["items"][1] == {
        "code": "LD-1",
        "kind": "11001",
        "kind_name": "路灯不亮",
        "name": "路灯",
        "point": {"longitude": 0.5, "latitude": 0.5},
        "unit": WEST,
        "unit_name": "凌河村一微",
        "org_id": "P4",
        "org_name": "一组",
        "state": "active",
        "version": 1,
        "map_link": "https://uri.amap.com/marker?position=0.5,0.5&coordinate=wgs84",
    }
    last = (await get(dispatch, limit=2, after=page["next"])).json()
    [bench] = last["items"]
    assert (bench["code"], bench["unit"], bench["org_id"], last["next"], last["total"]) == (
        BENCH[0],
        EAST,
        "P5",
        None,
        None,
    )


async def test_lists_are_of_a_kind_a_unit_an_organisation_or_a_state(dispatch: Stage) -> None:
    await put(dispatch, table(LAMP, LID, BENCH))
    await put(dispatch, table(LAMP, BENCH), replace=True)
    assert await codes(dispatch) == ["JG-1", "LD-1", BENCH[0]]
    assert await codes(dispatch, kind="11001") == ["LD-1"]
    assert await codes(dispatch, unit="370784004201") == ["JG-1", "LD-1", BENCH[0]]
    assert await codes(dispatch, unit=EAST) == [BENCH[0]]
    assert await codes(dispatch, unit="370784004299") == []
    assert await codes(dispatch, org_id="P4") == ["LD-1"]
    assert await codes(dispatch, state="retired") == ["JG-1"]
    await get(dispatch, status=422, after="nonsense!")
    await get(dispatch, status=404, tenant="370784009")


async def test_a_component_that_is_moved_keeps_its_code_and_its_history(dispatch: Stage) -> None:
    await put(dispatch, table(LAMP, LID))
    moved = (*LAMP[:3], 1.25, 0.5, "二组")
    assert counts(await preview(dispatch, table(moved, LID))) == (1, 0, 1, 1, 1, 0)
    assert counts(await put(dispatch, table(moved, LID))) == (2, 0, 1, 1, 1, 0)
    assert counts(await put(dispatch, table(moved, LID))) == (2, 0, 0, 0, 2, 0)
    assert counts(await put(dispatch, table(LID), replace=True)) == (3, 0, 0, 0, 1, 1)
    assert counts(await put(dispatch, table(moved))) == (4, 0, 1, 0, 0, 0)
    lamp = (await get(dispatch, "/LD-1")).json()
    assert (lamp["unit"], lamp["org_name"], lamp["state"], lamp["version"]) == (EAST, "二组", "active", 4)
    was = [(each["unit"], each["state"], each["version"], each["replaced_version"]) for each in lamp["history"]]
    assert was == [(EAST, "retired", 3, 4), (EAST, "active", 2, 3), (WEST, "active", 1, 2)]


async def test_one_component_is_found_by_any_code_and_another_is_not(dispatch: Stage) -> None:
    await put(dispatch, table(BENCH))
    assert (await get(dispatch, f"/{BENCH[0]}")).json()["history"] == []
    for code in ("LD-1", "a/b", "%00", "x" * 64):
        assert (await get(dispatch, f"/{code}", 404)).json()["title"] == "Not found"


async def test_the_nearest_of_a_kind_follows_every_import(dispatch: Stage) -> None:
    async def nearest(**query: Any) -> tuple[Any, Any]:
        asked: dict[str, Any] = {"kind": "01101", "longitude": 0.6, "latitude": 0.5009} | query
        found = (await get(dispatch, "/nearest", **asked)).json()
        return found["component"] and found["component"]["code"], found["metres"]

    assert await nearest() == (None, None)
    await put(dispatch, table(LAMP, LID, ("JG-2", "01101", "", 0.6, 0.502, "")))
    assert await nearest() == ("JG-1", pytest.approx(100.2, abs=0.1))
    assert await nearest(within_metres=100) == (None, None)
    assert await nearest(kind="01102") == (None, None)
    await put(dispatch, table(("JG-2", "01101", "", 0.6, 0.502, "")), replace=True)
    assert await nearest() == ("JG-2", pytest.approx(122.5, abs=0.1))
    await get(dispatch, "/nearest", 422, kind="01101", longitude=0.6)


async def test_a_wrong_cell_refuses_all_and_is_named_in_the_reader_s_language(dispatch: Stage) -> None:
    await put(dispatch, table(LAMP))
    before = await everything(dispatch)
    content = table(LID, ("JG-2", "11", "", 0.5, 7, "P9"), (*LAMP[:3], 9, 9, "P9"))
    problem = await put(dispatch, content, 422)
    assert [(each["line"], each["column"]) for each in problem["errors"]] == [
        (3, "类别"),
        (3, "责任单位"),
        (4, "责任单位"),
        (4, "经度"),
    ]
    answer = await dispatch.http.put(
        COMPONENTS, params={"tenant": TENANT}, content=content, headers={"accept-language": "zh"}
    )
    wrong = answer.json()["errors"]
    assert (wrong[0]["wrong"], wrong[1]["wrong"]) == ("“11”格式不对", "本街道没有组织“P9”，或已撤销")
    assert await everything(dispatch) == before
    await put(dispatch, table(LAMP), 404, tenant="370784009")


async def test_an_organisation_that_answers_for_nothing_any_more_is_a_wrong_cell(dispatch: Stage) -> None:
    await put(dispatch, table(LAMP))
    async with dispatch.database() as db:
        await db.execute(text(f"UPDATE units SET org_id = 'P6', org_name = '新组', version = 2 WHERE code = '{WEST}'"))
        await db.execute(text("UPDATE streets SET version = 2"))
    problem = await put(dispatch, table(LAMP), 422)
    assert problem["errors"][0]["wrong"] == "'P4' is no organisation of the street, or is one no more"
    assert (await get(dispatch, "/LD-1")).json()["org_name"] == "P4"


async def test_the_sheet_that_is_meant_is_named(dispatch: Stage) -> None:
    content = as_xlsx([HEADER, LAMP], "部件")
    assert counts(await put(dispatch, content, sheet="部件")) == (1, 1, 0, 0, 0, 0)
    problem = await put(dispatch, content, 422, sheet="别的")
    assert problem["errors"][0]["wrong"] == "there is no sheet 别的, only 部件"


@pytest.mark.parametrize("suffix", [".csv", ".geojson"])
async def test_what_is_taken_away_imports_again_to_no_change(dispatch: Stage, suffix: str) -> None:
    assert (await get(dispatch, suffix)).status_code == 200
    await put(dispatch, table(LAMP, LID, BENCH))
    await put(dispatch, table(LAMP, BENCH), replace=True)
    answer = await get(dispatch, suffix)
    assert f'filename="components-{TENANT}{suffix}"' in answer.headers["content-disposition"]
    before = await everything(dispatch)
    change = await put(dispatch, answer.content, replace=True)
    assert counts(change) == (2, 0, 0, 0, 3, 0)
    assert change["remarks"] == ["columns passed over: kind_name, unit, unit_name, org_name"]
    assert await everything(dispatch) == before


async def test_the_file_in_chinese_imports_again_to_no_change_too(dispatch: Stage) -> None:
    await put(dispatch, table(LAMP, LID, BENCH))
    await put(dispatch, table(LAMP, BENCH), replace=True)
    chinese = {"Accept-Language": "zh"}
    answer = await dispatch.http.get(COMPONENTS + ".csv", params={"tenant": TENANT}, headers=chinese)
    assert "停用" in answer.text
    change = await put(dispatch, answer.content, replace=True)
    assert counts(change) == (2, 0, 0, 0, 3, 0)
    assert change["remarks"] == ["columns passed over: 类别名称, 网格代码, 网格, 组织名称"]


async def test_a_map_of_nothing_is_a_map(dispatch: Stage) -> None:
    assert json.loads((await get(dispatch, ".geojson")).content) == {"type": "FeatureCollection", "features": []}


async def test_imports_at_once_follow_one_another(dispatch: Stage) -> None:
    async def one(number: int) -> Any:
        return await put(dispatch, table((*LAMP[:2], f"灯{number}", *LAMP[3:]), (f"L{number}", *LID[1:])))

    done = await asyncio.gather(*map(one, range(5)))
    assert sorted(change["version"] for change in done) == [1, 2, 3, 4, 5]
    assert len(await codes(dispatch)) == 6
    assert len((await get(dispatch, "/LD-1")).json()["history"]) == 4


async def test_an_import_onto_a_version_or_a_street_that_is_gone_is_refused(dispatch: Stage) -> None:
    await put(dispatch, table(LAMP), onto=0)
    problem = await put(dispatch, table(LID), 409, onto=0)
    assert (problem["version"], await codes(dispatch)) == (1, ["LD-1"])
    lid = Component("JG-1", "01101", None, 0.6, 0.5, WEST, None)
    for version, answered in ((7, Refused), (1, Done)):
        answer = await dispatch.service.commands.send(ImportComponents(TENANT, (lid,), version), None)
        assert isinstance(answer, answered)


async def test_a_failure_midway_leaves_the_inventory_as_it_was(dispatch: Stage) -> None:
    await put(dispatch, table(LAMP))
    before = await everything(dispatch)
    async with dispatch.database() as db:
        await db.execute(text("ALTER TABLE component_versions ADD CONSTRAINT broken CHECK (version < 2)"))
    await put(dispatch, table(LAMP, LID), 500)
    assert await everything(dispatch) == before


async def test_the_operator_s_command_previews_imports_and_exports(dispatch: Stage, tmp_path: Path) -> None:
    def wangge(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["components", *arguments, "--tenant", TENANT])
        return f"{result.exit_code} {result.output}"

    file, out, drawn = tmp_path / "list.csv", tmp_path / "out.csv", tmp_path / "out.geojson"
    # More than a page of a cursor, and more than a list over HTTP may have.
    file.write_bytes(table(*((f"LD-{n}", "01103", "", 0.5, 0.5, "") for n in range(6_000))))
    for arguments, told in (
        (
            ("import", str(file), "--preview"),
            "0 6000 new, 0 changed (0 in another unit), 0 the same, 0 retired.\nA prev",
        ),
        (("import", str(file)), "Imported as version 1."),
        (("export", str(out)), "0 "),
        (("export", str(drawn)), "0 "),
        (("import", str(out), "--replace"), "6000 the same, 0 retired.\nNothing has changed."),
        (("import", str(drawn), "--replace"), "6000 the same, 0 retired.\nNothing has changed."),
        (("export", str(tmp_path / "x.pdf")), "2 "),
    ):
        assert told in await asyncio.to_thread(wangge, *arguments)
    file.write_bytes(table(LAMP))
    assert "5999 retired" in await asyncio.to_thread(wangge, "import", str(file), "--replace")
    file.write_bytes(table(LAMP, (*LID[:3], 5, 5, "")))
    told = await asyncio.to_thread(wangge, "import", str(file))
    assert told.startswith("1 line 3, 经度: 5.0, 5.0 lies outside of the borders of the street")
    assert await codes(dispatch, state="active") == ["LD-1"]
