"""Responsibility lists on real NATS and PostgreSQL: imported whole or not at all, and told to who takes reports."""

from __future__ import annotations

import asyncio
import csv
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from openpyxl import Workbook
from sqlalchemy import text
from typer.testing import CliRunner

from libs.chassis.clock import Clock
from libs.chassis.handling.timers import TimerSweep
from libs.contracts.dispatch import CategoryChanged, OrderChecked, OrderDispatched, OrderOffered
from libs.contracts.reasons import Reason, Why
from libs.contracts.values import RequestKind
from services.dispatch.responsibility.domain.columns import COLUMNS
from tests.support.dispatch import TENANT, act, put_street, registered
from tests.support.stage import NOON, MakeStage, Stage
from wangge.main import app

LIST = "/v1/responsibility-list"
GRID = "370784004201"
LINE = {
    "category": "11001",
    "name_zh": "路灯不亮",
    "name_en": "Street lamp out",
    "area": "public_services",
    "kind": "component",
    "registration": "automatic",
    "start_level": "micro_grid",
    "org_kind": "party_group",
    "skills": "",
    "claim_amount": "4",
    "claim_unit": "work_hour",
    "handle_amount": "2",
    "handle_unit": "work_day",
    "check_amount": "1",
    "check_unit": "work_day",
    "evidence": "note",
    "points": "5",
    "standard_ref": "",
    "condition": "",
    "effective_from": "",
    "effective_until": "",
}
ENDS = date(2060, 12, 31)
MIDNIGHT = datetime(2060, 12, 31, 16, tzinfo=UTC)


def line(category: str = "11001", **cells: str) -> dict[str, str]:
    return LINE | {"category": category} | cells


def as_csv(lines: Iterable[dict[str, str]]) -> bytes:
    out = StringIO()
    writer = csv.DictWriter(out, list(LINE))
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue().encode()


async def put(dispatch: Stage, content: bytes | list[dict[str, str]], status: int = 200, **query: Any) -> Any:
    body = content if isinstance(content, bytes) else as_csv(content)
    answer = await dispatch.http.put(LIST, params={"tenant": TENANT, **query}, content=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def get(dispatch: Stage, path: str = "", **query: Any) -> httpx.Response:
    answer = await dispatch.http.get(LIST + path, params={"tenant": TENANT, **query})
    assert answer.status_code == 200, answer.text
    return answer


async def rows(dispatch: Stage, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await get(dispatch, **query)).json()["items"]
    return found


async def everything(dispatch: Stage) -> tuple[Any, ...]:
    """What an import may change."""
    async with dispatch.database() as db:
        kept = [
            list(await db.rows(text(f"SELECT * FROM {table} ORDER BY 1, 2")))
            for table in ("responsibilities", "responsibility_versions", "streets", "timers")
        ]
    return kept, await dispatch.said(CategoryChanged)


def foreign_catalogue() -> list[dict[str, str]]:
    """What another city has: 400 categories of its own, in areas of its own."""
    return [
        line(
            f"{21 + n // 40}{n % 40 + 1:03}",
            name_zh=f"第{n}类",
            name_en=f"Class {n}",
            area=f"第{n // 40}大类",
            kind=("component", "matter")[n % 2],
            points=str(n % 20),
            standard_ref="DB11/T 000",
        )
        for n in range(400)
    ]


async def test_a_foreign_catalogue_is_reported_and_dispatched_by_without_a_change_of_code(stage: MakeStage) -> None:
    dispatch = await stage("dispatch", "incident")
    await put_street(dispatch)
    incident = await stage("incident")
    change = await put(dispatch, foreign_catalogue())
    assert (len(change["added"]), change["changed"], len(change["removed"])) == (400, [], 1)
    await dispatch.settled()
    await incident.settled()
    known = (await incident.http.get("/v1/categories", params={"tenant": TENANT})).json()
    assert [c["category"] for c in known] == [each["category"] for each in foreign_catalogue()]
    assert known[41] | {"area": "第1大类", "name_zh": "第41类"} == known[41]
    body = {
        "tenant": TENANT,
        "category": "30040",
        "text": "某事",
        "place": {"point": {"longitude": 0.5, "latitude": 0.5}},
    }
    answer = await incident.http.post("/v1/reports", json=body, headers={"Idempotency-Key": "1"})
    assert answer.status_code == 201, answer.text
    await incident.settled()
    await dispatch.settled()
    [order] = await dispatch.said(OrderDispatched)
    assert (order.category, order.unit, order.responsibility_version) == ("30040", f"{GRID}01", 2)
    gone = await incident.http.post("/v1/reports", json=body | {"category": "11001"}, headers={"Idempotency-Key": "2"})
    assert gone.status_code == 422


async def test_matters_of_the_national_catalogue_are_listed_as_they_are(stage: MakeStage) -> None:
    """Their codes may begin with a zero, and they have no English names, conditions or days."""
    dispatch = await stage("dispatch", "incident")
    await put_street(dispatch)
    incident = await stage("incident")
    matters = {"01101": "私搭乱建", "01106": "暴露垃圾", "02304": "路面塌陷", "05112": "油烟污染"}
    columns = {"category": "类别代码", "name_zh": "类别名称", **{name: COLUMNS[name].zh for name in NEEDED}}
    book = Workbook()
    book.worksheets[0].append(["国家标准事件类别"])
    book.worksheets[0].append(list(columns.values()))
    for code, name in matters.items():
        cells = line(code, name_zh=name, kind="事项", area="国标", standard_ref="GB/T 30428.2")
        book.worksheets[0].append([cells[column] for column in columns])
    book.save(out := BytesIO())
    change = await put(dispatch, out.getvalue())
    assert [(row["category"], row["name_en"], row["kind"]) for row in change["added"]] == [
        (code, "", "matter") for code in matters
    ]
    await dispatch.settled()
    await incident.settled()
    assert await known(incident) == matters
    case = registered().model_copy(update={"category": "01106", "category_name": "暴露垃圾"})
    await dispatch.hear(case)
    [order] = await dispatch.said(OrderDispatched)
    assert (order.category, order.unit, order.responsibility_version) == ("01106", f"{GRID}01", 2)


NEEDED = [name for name in COLUMNS if not COLUMNS[name].optional and name not in ("category", "name_zh")]


async def test_a_preview_names_every_cell_that_would_change_and_changes_nothing(dispatch: Stage) -> None:
    before = await everything(dispatch)
    content = as_csv([line(points="7", evidence="photo"), line("11002")])
    answer = await dispatch.http.post(f"{LIST}/preview", params={"tenant": TENANT}, content=content)
    change = answer.json()
    assert (change["version"], [row["category"] for row in change["added"]], change["removed"]) == (1, ["11002"], [])
    assert change["changed"] == [
        {
            "category": "11001",
            "condition": "",
            "effective_from": None,
            "cells": [
                {"column": "evidence", "before": "note", "after": "photo"},
                {"column": "points", "before": 5, "after": 7},
            ],
        }
    ]
    assert await everything(dispatch) == before


async def test_an_invalid_file_changes_nothing_and_names_every_bad_cell(dispatch: Stage) -> None:
    before = await everything(dispatch)
    bad = [line(points="many"), line("11002"), line("1103", evidence="film"), line("11002")]
    problem = await put(dispatch, bad, 422)
    assert problem["title"] == "Invalid file"
    assert [(e["line"], e["column"]) for e in problem["errors"]] == [(2, "points"), (4, "category"), (4, "evidence")]
    assert problem["errors"][2]["right"] == "none 无, note 文字, photo 照片"
    problem = await put(dispatch, [line("11002"), line(condition=f"unit={TENANT}99"), line("11002")], 422)
    assert [(e["line"], e["column"]) for e in problem["errors"]] == [(3, "condition"), (4, "category")]
    answer = await dispatch.http.post(f"{LIST}/preview", params={"tenant": TENANT}, content=b"\xff")
    assert (answer.status_code, "neither UTF-8 nor" in answer.json()["errors"][0]["wrong"]) == (422, True)
    assert await everything(dispatch) == before


async def test_a_clerk_reads_what_is_wrong_in_chinese(dispatch: Stage) -> None:
    answer = await dispatch.http.post(
        f"{LIST}/preview",
        params={"tenant": TENANT},
        content=as_csv([line(evidence="film")]),
        headers={"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"},
    )
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-language"], problem["title"]) == (422, "zh", "文件有误")
    assert problem["type"] == "urn:wangge:problem:invalid-file"
    assert problem["detail"] == "第2行，evidence：“film”不是可用的词（无、文字、照片）\n什么也没有改动。"
    assert problem["errors"] == [
        {"line": 2, "column": "evidence", "wrong": "“film”不是可用的词", "right": "无、文字、照片"}
    ]


async def test_a_list_as_an_office_writes_it_is_imported_and_the_preview_says_how_it_was_read(dispatch: Stage) -> None:
    """A title merged over the header, a date under it, remarks on another sheet, merged cells, columns of others,
    skills in Chinese, no English name."""
    book = Workbook()
    book.worksheets[0].title = "说明"
    book.worksheets[0].append(["本表由街道办事处填写"])
    sheet = book.create_sheet("权责清单")
    lines = [line(name_en="", skills="电工；水工"), line("11002", name_zh="井盖丢失", name_en="")]
    columns = list(lines[0])
    sheet.append(["安丘市凌河街道权责清单"])
    sheet.append(["2026年11月"])
    sheet.append(["序号", *(COLUMNS[name].zh for name in columns), "备注"])
    for number, cells in enumerate(lines, start=1):
        sheet.append([number, *(COLUMNS[name].words.get(cells[name], cells[name]) for name in columns), "请核对"])
    sheet.merge_cells(start_row=1, end_row=1, start_column=1, end_column=len(columns) + 2)
    area = columns.index("area") + 2
    sheet.merge_cells(start_row=4, end_row=5, start_column=area, end_column=area)
    book.save(out := BytesIO())
    answer = await dispatch.http.post(f"{LIST}/preview", params={"tenant": TENANT}, content=out.getvalue())
    assert answer.json()["remarks"] == [
        "the sheet 权责清单 was taken, and not 说明",
        "line 1 above the header: 安丘市凌河街道权责清单",
        "line 2 above the header: 2026年11月",
        "columns passed over: 序号, 备注",
        "the values of 1 merged cells hold for all of their lines",
    ]
    await put(dispatch, out.getvalue())
    first, second = await rows(dispatch)
    assert (first["skills"], first["name_en"], second["area"]) == ("水工;电工", "", LINE["area"])
    told = {fact.category: (fact.name_zh, fact.name_en) for fact in await dispatch.said(CategoryChanged)}
    assert told["11002"] == ("井盖丢失", "井盖丢失")


async def test_two_sheets_that_might_be_meant_are_asked_about(dispatch: Stage) -> None:
    book = Workbook()
    book.worksheets[0].title = "新"
    for sheet, points in ((book.worksheets[0], "6"), (book.create_sheet("旧"), "4")):
        sheet.append(list(LINE))
        sheet.append(list(line(points=points).values()))
    book.save(out := BytesIO())
    problem = await put(dispatch, out.getvalue(), 422)
    assert problem["errors"][0]["wrong"].startswith("the sheets 新 and 旧 all look like it")
    await put(dispatch, out.getvalue(), sheet="旧")
    assert [row["points"] for row in await rows(dispatch)] == [4]


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
@pytest.mark.parametrize("headers", ["codes", "zh"])
async def test_what_is_taken_away_imports_again_to_no_change(dispatch: Stage, suffix: str, headers: str) -> None:
    special = line(condition=f"hours=off;unit={GRID}", effective_from="2061-01-01", effective_until="2061/12/31")
    await put(dispatch, [line(effective_until=str(ENDS)), special, line("11002", skills="plumber;electrician")])
    before = await everything(dispatch)
    content = (await get(dispatch, suffix, headers=headers)).content
    change = await put(dispatch, content)
    assert change == {"version": 2, "remarks": [], "added": [], "changed": [], "removed": []}
    assert await everything(dispatch) == before


@pytest.mark.parametrize("key", ["\\u0000", "\\ud800"])
async def test_a_cursor_that_no_database_can_look_for_is_refused(dispatch: Stage, key: str) -> None:
    after = urlsafe_b64encode(f'["{key}", "", "2020-01-01"]'.encode()).decode()
    answer = await dispatch.http.get(LIST, params={"tenant": TENANT, "after": after})
    assert (answer.status_code, answer.json()["title"]) == (422, "Unfit cursor")


async def test_a_category_that_an_import_switches_off_is_named_and_until_when(dispatch: Stage) -> None:
    await put(dispatch, [line(), line("11002"), line("11003")])
    change = await put(dispatch, [line(), line("11002", effective_from="2061-01-01")])
    assert change["remarks"] == [
        "11002 Street lamp out: no row applies after the import, so it cannot be reported until 2061-01-01",
        "11003 Street lamp out: no row applies after the import, so it cannot be reported",
    ]


async def test_every_version_of_the_list_can_be_looked_at_and_what_applies_on_a_day(dispatch: Stage) -> None:
    await put(dispatch, [line(), line("11002", effective_from="2061-01-01")])
    await put(dispatch, [line(points="9"), line("11002", effective_from="2061-01-01")])
    seen = {v: [(r["category"], r["points"], r["version"]) for r in await rows(dispatch, version=v)] for v in (1, 2, 3)}
    assert seen == {
        1: [("11001", 5, 1)],
        2: [("11001", 5, 1), ("11002", 5, 2)],
        3: [("11001", 9, 3), ("11002", 5, 2)],
    }
    for day, found in ((ENDS, ["11001"]), (date(2061, 1, 1), ["11001", "11002"])):
        assert [r["category"] for r in await rows(dispatch, as_of=str(day))] == found
    made = (await get(dispatch, "/versions")).json()
    assert [(v["version"], v["added"], v["changed"], v["removed"]) for v in made] == [(3, 0, 1, 0), (2, 1, 0, 0)]
    answer = await dispatch.http.get(LIST, params={"tenant": TENANT, "version": 9})
    assert (answer.status_code, answer.json()["detail"]) == (
        404,
        f"the list of {TENANT} has no version 9; the latest is 3",
    )


async def test_turning_pages_shows_every_row_once(dispatch: Stage) -> None:
    await put(dispatch, [line("11001", condition=c) for c in ("", "hours=off", "hours=working")] + foreign_catalogue())
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 70}
    while True:
        page = (await get(dispatch, **query)).json()
        seen += [f"{row['category']} {row['condition']}" for row in page["items"]]
        if page["next"] is None:
            break
        query["after"] = page["next"]
    assert (len(seen), len(set(seen)), seen == sorted(seen)) == (403, 403, True)
    answer = await dispatch.http.get(LIST, params={"tenant": TENANT, "after": "nonsense"})
    assert answer.status_code == 422


async def test_imports_at_once_follow_one_another(dispatch: Stage) -> None:
    lists = [[line(points=str(n)), line(f"1200{n}")] for n in range(1, 6)]
    done = await asyncio.gather(*(put(dispatch, wanted) for wanted in lists))
    assert sorted(change["version"] for change in done) == [2, 3, 4, 5, 6]
    for change in done:
        now = await rows(dispatch, version=change["version"])
        [of_mine] = [row for row in now if row["category"] != "11001"]
        assert (len(now), f"1200{now[0]['points']}") == (2, of_mine["category"])
    told = {fact.category: fact.active for fact in await dispatch.said(CategoryChanged)}
    latest = await rows(dispatch)
    assert {c for c, active in told.items() if active} == {row["category"] for row in latest} - {"11001"}


async def test_an_import_onto_a_version_that_is_gone_is_refused(dispatch: Stage) -> None:
    await put(dispatch, [line(points="6")], onto=1)
    problem = await put(dispatch, [line(points="7")], 409, onto=1)
    assert (problem["version"], (await rows(dispatch))[0]["points"]) == (2, 6)


async def test_an_order_is_done_to_its_end_under_the_version_it_was_made_under(dispatch: Stage) -> None:
    await dispatch.hear(registered())
    await put(dispatch, [line("11002")])
    [offer] = await dispatch.said(OrderOffered)
    await act(dispatch, offer.order_id, "claim", "M1")
    await act(dispatch, offer.order_id, "give_back", "M1", reason="needs a crane")
    await act(dispatch, offer.order_id, "claim", "M2")
    await act(dispatch, offer.order_id, "hand_in", "M2", note="lamp replaced")
    order = await act(dispatch, offer.order_id, "check", "M3", passed=True)
    [checked] = await dispatch.said(OrderChecked)
    assert (order["responsibility_version"], checked.points) == (1, 5)
    await dispatch.hear(registered())
    last = (await dispatch.said(OrderDispatched))[-1]
    assert (last.unit, last.responsibility_version) == (TENANT, None)
    assert Reason(Why.CATEGORY_NOT_LISTED, {"category": "11001"}) in last.because


async def test_a_row_takes_effect_on_its_day_without_an_import_and_without_a_restart(stage: MakeStage) -> None:
    dispatch = await stage("dispatch", "incident")
    await put_street(dispatch)
    incident = await stage("incident")
    await put(
        dispatch,
        [
            line(effective_until=str(ENDS)),
            line(effective_from="2061-01-01", points="9", name_zh="路灯故障"),
            line("11002", effective_until=str(ENDS)),
            line("11003", effective_from="2061-01-01"),
        ],
    )
    await dispatch.settled()
    await incident.settled()
    assert "11002" in (early := await known(incident))
    assert "11003" not in early
    before, after = MIDNIGHT - timedelta(seconds=1), MIDNIGHT
    await dispatch.hear(registered(before), registered(after))
    async with dispatch.database() as db:
        made = await db.rows(text("SELECT points FROM orders ORDER BY stage_began_at"))
    assert [row.points for row in made] == [5, 9]
    await day_begins(dispatch, MIDNIGHT)
    await incident.settled()
    assert await known(incident) == {"11001": "路灯故障", "11003": "路灯不亮"}
    async with dispatch.database() as db:
        assert await db.rows(text("SELECT 1 FROM timers WHERE name = 'ListTurns'")) == []


async def known(incident: Stage) -> dict[str, str]:
    answer = await incident.http.get("/v1/categories", params={"tenant": TENANT})
    return {c["category"]: c["name_zh"] for c in answer.json()}


async def day_begins(dispatch: Stage, at: datetime) -> None:
    service = dispatch.service
    clock = Clock(real_time=lambda: at)
    await TimerSweep(
        service.engine, service.router, clock, service.settings, service.failures, service.relay.wake
    ).fire_due(10)
    await dispatch.settled()


async def test_days_that_passed_while_nobody_looked_are_told_at_once_and_the_next_is_awaited(dispatch: Stage) -> None:
    days = ["2060-12-01", "2060-12-05", "2061-01-01"]
    await put(dispatch, [line(f"1200{n}", effective_from=day) for n, day in enumerate(days)])
    told = len(await dispatch.said(CategoryChanged))
    for _ in range(2):
        await day_begins(dispatch, datetime(2060, 12, 20, tzinfo=UTC))
    new = (await dispatch.said(CategoryChanged))[told:]
    assert [(fact.category, fact.active) for fact in new] == [("12000", True), ("12001", True)]
    async with dispatch.database() as db:
        [timer] = await db.rows(text("SELECT due_at FROM timers WHERE name = 'ListTurns'"))
    assert timer.due_at == MIDNIGHT


async def test_a_row_for_errands_or_a_place_is_taken_before_the_one_for_all(dispatch: Stage) -> None:
    await put(
        dispatch,
        [line(), line(condition="request_kind=errand", points="6"), line(condition=f"unit={GRID}", points="7")],
    )
    errand = registered(NOON).model_copy(update={"request_kind": RequestKind.ERRAND})
    await dispatch.hear(errand)
    [order] = await dispatch.said(OrderDispatched)
    assert Reason(Why.ROW_CONDITION, {"condition": f"unit={GRID}"}) in order.because
    await put(dispatch, [line(), line(condition="request_kind=errand", points="6")])
    route = await dispatch.http.post(
        "/v1/routing/dry-run",
        json={"tenant": TENANT, "category": "11001", "place": {"name": "凌河"}, "request_kind": "errand"},
    )
    assert "the row is for request_kind=errand" in [each["en"] for each in route.json()["because"]]


async def test_a_failure_midway_leaves_the_list_as_it_was(dispatch: Stage) -> None:
    before = await everything(dispatch)
    async with dispatch.database() as db:
        await db.execute(text("ALTER TABLE responsibility_versions ADD CONSTRAINT broken CHECK (false)"))
    answer = await dispatch.http.put(LIST, params={"tenant": TENANT}, content=as_csv([line("11002")]))
    assert answer.status_code == 500
    async with dispatch.database() as db:
        await db.execute(text("ALTER TABLE responsibility_versions DROP CONSTRAINT broken"))
    assert await everything(dispatch) == before


async def test_a_large_list_is_taken_and_one_beyond_the_limit_is_refused(dispatch: Stage) -> None:
    of_each: tuple[dict[str, str], ...] = ({}, {"condition": f"unit={TENANT}"}, {"condition": "hours=off"})
    content = as_csv([each | special for each in foreign_catalogue() for special in of_each])
    change = await put(dispatch, content + b"\r\n" * 130_000)
    assert len(change["added"]) == 1200
    problem = await put(dispatch, b" " * (4 * 1024 * 1024 + 1), 413)
    assert problem["detail"] == "A request may have 4096 KiB at most."


async def test_an_unknown_street_has_no_list(dispatch: Stage) -> None:
    answer = await dispatch.http.put(LIST, params={"tenant": "370784009"}, content=as_csv([line()]))
    assert answer.status_code == 404


async def test_the_operator_s_command_previews_imports_and_exports(dispatch: Stage, tmp_path: Path) -> None:
    def wangge(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["responsibility", *arguments], env={"COLUMNS": "200"})
        return f"{result.exit_code} {result.output}"

    file, out = tmp_path / "list.csv", tmp_path / "list.xlsx"
    file.write_bytes(as_csv([line(points="8"), line("11002")]))
    for arguments, told in (
        (("import", str(file), "--tenant", TENANT, "--preview"), "A preview: nothing was written."),
        (("import", str(file), "--tenant", TENANT), "Imported as version 2."),
        (("export", str(out), "--tenant", TENANT, "--chinese"), "2 rows in"),
        (("import", str(out), "--tenant", TENANT), "Nothing has changed."),
    ):
        assert told in await asyncio.to_thread(wangge, *arguments)
    file.write_bytes(as_csv([line(points="x")]))
    told = await asyncio.to_thread(wangge, "import", str(file), "--tenant", TENANT)
    assert told.startswith("1 line 2, points: 'x' must be a whole number")
    assert [row["points"] for row in await rows(dispatch)] == [8, 5]
