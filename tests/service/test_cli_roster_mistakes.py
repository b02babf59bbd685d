"""Every mistake in a street's folder is named by file, line and column, and nothing is changed."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from shapely import equals, from_wkb
from shapely.geometry import shape

from deploy.local.linghe import street
from libs import sealing
from libs.sentences import Language
from libs.sheets import workbook
from libs.sheets.mistakes import Mistaken
from services.dispatch.roster import importing as roster
from services.dispatch.roster.files import MAP
from services.dispatch.roster.forms import FORMS, UNITS
from tests.support.roster_folder import edit, edit_units, setting

TENANT = "370784004"
PUBLIC = sealing.new_key_pair()[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    street.write(street.build(), tmp_path)
    return tmp_path


def _without_a_column(folder: Path) -> None:
    path = folder / "members.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("workload_limit", "limit", 1), encoding="utf-8")


def _as_big5(folder: Path) -> None:
    path = folder / "members.csv"
    path.write_bytes(path.read_bytes() + b"\xff\n")


def _as_no_json(folder: Path) -> None:
    (folder / "units.geojson").write_text("{", encoding="utf-8")


def _write(path: Path, content: str) -> None:
    path.write_text(content, encoding="utf-8")


def _bow_tie(features: list[dict[str, Any]]) -> None:
    west, south, east, north = 119.0, 36.0, 119.1, 36.1
    ring = [[west, south], [east, north], [east, south], [west, north], [west, south]]
    features[-1]["geometry"] = {"type": "Polygon", "coordinates": [ring]}


def _swapped(features: list[dict[str, Any]]) -> None:
    ring = features[-1]["geometry"]["coordinates"][0]
    features[-1]["geometry"]["coordinates"] = [[[y, x] for x, y in ring]]


SPOILT: dict[str, tuple[Callable[[Path], None], str]] = {
    "a kind that is none": (
        lambda f: edit(f / "members.csv", setting(1, kind="chief")),
        r"members.csv line 3, kind: 'chief' is none of the words that may stand here \(full_time 专职网格员, ",
    ),
    "a limit that is no number": (
        lambda f: edit(f / "members.csv", setting(0, workload_limit="many")),
        "members.csv line 2, workload_limit: 'many' must be a whole number",
    ),
    "an address that is none": (
        lambda f: edit(f / "members.csv", setting(0, email="secret at home")),
        r"members.csv line 2, email: is not of the right form \(a mail address, or nothing\)$",
    ),
    "a day that is none": (
        lambda f: _write(f / "calendar.csv", "day,kind,name\n2026-02-30,holiday,\n"),
        "calendar.csv line 2, day: '2026-02-30' is a day that does not exist",
    ),
    "working hours that overlap": (
        lambda f: _write(f / "working_hours.csv", "opens,closes\n08:00,12:00\n11:00,17:00\n"),
        "working_hours: working hours must follow one another and may not overlap",
    ),
    "a unit that is unknown": (
        lambda f: edit(f / "members.csv", setting(0, unit="370784004999")),
        "members.csv line 2, unit: 370784004999 is no unit of the street",
    ),
    "an organisation that is unknown": (
        lambda f: edit(f / "members.csv", setting(0, org_id="P1")),
        "members.csv line 2, org_id: P1 is no organisation of the roster",
    ),
    "a member twice": (
        lambda f: edit(f / "members.csv", lambda lines: lines.append(lines[0])),
        "members.csv line 2305, member_id: M0001 is in members.csv line 2 already",
    ),
    "a unit without organisation": (
        lambda f: edit(f / "organisations.csv", lambda lines: lines.__delitem__(0)),
        "feature 1, code: no organisation answers for 370784004",
    ),
    "an organisation of another level": (
        lambda f: edit(f / "organisations.csv", setting(0, kind="branch")),
        "organisations.csv line 2, kind: branch must be street_committee, since 370784004 is a street",
    ),
    "a category for another organisation": (
        lambda f: edit(f / "responsibility.csv", setting(0, org_kind="branch")),
        "responsibility.csv line 2, org_kind: branch must be party_group, since the category starts at micro_grid",
    ),
    "a parent of another level": (
        lambda f: edit_units(f, lambda units: units[-1]["properties"].update(parent=TENANT)),
        "feature 1001, parent: 370784004 must be the code of a unit of level grid",
    ),
    "a polygon that crosses itself": (
        lambda f: edit_units(f, _bow_tie),
        "feature 1001, border: is no valid polygon: Self-intersection",
    ),
    "latitude before longitude": (
        lambda f: edit_units(f, _swapped),
        "feature 1001, border: positions must be longitude, latitude in degrees",
    ),
    "a micro-grid without border": (
        lambda f: edit_units(f, lambda units: units[-1].update(geometry=None)),
        "feature 1001, border: a micro_grid needs a Polygon",
    ),
    "a place without a unit or point": (
        lambda f: edit(f / "places.csv", setting(1, longitude="", latitude="")),
        "places.csv line 3, unit: a place needs a unit, or longitude and latitude",
    ),
    "a place far away": (
        lambda f: edit(f / "places.csv", setting(1, longitude="36.2", latitude="89.0")),
        "places.csv line 3, longitude: the point lies far outside of the street",
    ),
    "a place in a unit that is unknown": (
        lambda f: edit(f / "places.csv", setting(0, unit="370784004999")),
        "places.csv line 2, unit: 370784004999 is no unit of the street",
    ),
    "a place twice": (
        lambda f: edit(f / "places.csv", setting(1, place_id="L0001")),
        "places.csv line 3, place_id: L0001 is in places.csv line 2 already",
    ),
    "a rule without a target": (
        lambda f: edit(f / "routing_rules.csv", setting(0, to_unit="")),
        "routing_rules.csv line 2, to_unit: a rule needs either to_unit or to_org_kind",
    ),
    "a rule to a unit that is unknown": (
        lambda f: edit(f / "routing_rules.csv", setting(0, to_unit="370784004999")),
        "routing_rules.csv line 2, to_unit: 370784004999 is no unit of the street",
    ),
    "a rule for a category that is none": (
        lambda f: edit(f / "routing_rules.csv", setting(0, category="99")),
        "routing_rules.csv line 2, category: no category of the responsibility list is of that",
    ),
    "a rule that never decides": (
        lambda f: edit(f / "routing_rules.csv", setting(1, category="11011", within="")),
        "routing_rules.csv line 3, number: rule 10 has the same conditions, so this never decides",
    ),
    "another column": (
        _without_a_column,
        r"members.csv line 1, workload_limit: the column workload_limit \(在办上限\) is missing",
    ),
    "another encoding": (_as_big5, "members.csv line .*: neither UTF-8 nor GB18030: save the file as “CSV UTF-8”"),
    "no file": (lambda f: (f / "members.csv").unlink(), r"members: there is no such sheet \(成员\)"),
    "no map": (lambda f: (f / MAP).unlink(), "units.geojson: the file is missing, and there is no sheet units"),
    "a sheet twice": (
        lambda f: _write(f / "成员.csv", (f / "members.csv").read_text(encoding="utf-8")),
        "成员.csv: is members, as members.csv is; leave one of them",
    ),
    "no JSON": (
        _as_no_json,
        "units.geojson line 1: is no JSON at character 2: Expecting property name",
    ),
}


@pytest.mark.parametrize("mistake", SPOILT)
def test_a_wrong_cell_is_named_with_what_would_be_right(folder: Path, mistake: str) -> None:
    spoil, told = SPOILT[mistake]
    spoil(folder)
    with pytest.raises(Mistaken, match=told) as error:
        roster.read(folder, TENANT, PUBLIC)
    assert "secret" not in str(error.value)


def test_fifty_mistakes_are_shown_and_the_rest_counted(folder: Path) -> None:
    def spoil(lines: list[dict[str, str]]) -> None:
        for line in lines[:60]:
            line["kind"] = "chief"

    edit(folder / "members.csv", spoil)
    with pytest.raises(Mistaken) as error:
        roster.read(folder, TENANT, PUBLIC)
    assert len(error.value.mistakes) == 60
    assert str(error.value).splitlines()[50:] == ["… and 10 more"]


def test_a_mistake_is_told_in_chinese_too(folder: Path) -> None:
    edit(folder / "members.csv", setting(1, kind="chief", unit="370784004999"))
    with pytest.raises(Mistaken) as error:
        roster.read(folder, TENANT, PUBLIC)
    [mistake] = error.value.mistakes
    assert mistake.told(Language.ZH).startswith(
        "members.csv 第3行，kind：“chief”不是可用的词（专职网格员、党员、志愿者"
    )


def _as_workbook(folder: Path, path: Path) -> None:
    """The folder as one workbook with Chinese titles and words, borders as WKT."""
    sheets = []
    for form in FORMS:
        if form is UNITS:
            lines = [_unit_cells(each) for each in json.loads((folder / MAP).read_text(encoding="utf-8"))["features"]]
        elif (file := folder / f"{form.name}.csv").exists():
            with file.open(encoding="utf-8-sig", newline="") as opened:
                lines = list(csv.DictReader(opened))
        else:
            continue
        rows = [[form.columns[name].words.get(line[name], line[name]) for name in lines[0]] for line in lines]
        sheets.append((form.zh, [[form.columns[name].zh for name in lines[0]], *rows]))
    path.write_bytes(workbook.book_as_xlsx([("说明", [["本册由街道填写"]]), *sheets]))


def _unit_cells(feature: dict[str, Any]) -> dict[str, str]:
    said, geometry = feature["properties"], feature["geometry"]
    return {
        "code": said["code"],
        "level": said["level"],
        "parent": said["parent"] or "",
        "name": said["name"],
        "aliases": "；".join(said["aliases"]),
        "border": shape(geometry).wkt if geometry else "",
    }


def test_one_workbook_makes_the_same_street_as_a_folder(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "elsewhere" / "街道.xlsx"
    path.parent.mkdir()
    _as_workbook(folder, path)
    of_folder, of_workbook = roster.read(folder, TENANT, PUBLIC), roster.read(path, TENANT, PUBLIC)
    assert list(map(str, of_workbook.remarks)) == ["街道.xlsx 说明: not used: no sheet of a roster"]
    assert replace(of_workbook, remarks=[], units={}) == replace(of_folder, remarks=[], units={})
    for code, unit in of_folder.units.items():
        same = of_workbook.units[code]
        assert {**same, "border": None} == {**unit, "border": None}
        assert (same["border"] is None) == (unit["border"] is None)
        if unit["border"] is not None:
            assert equals(from_wkb(same["border"]), from_wkb(unit["border"]))


def test_a_sheet_is_known_by_its_header_where_its_name_says_nothing(folder: Path) -> None:
    (folder / "members.csv").rename(folder / "2026年11月.csv")
    (folder / "organisations.csv").rename(folder / "表二.csv")
    assert len(roster.read(folder, TENANT, PUBLIC).members) == 2303


def test_borders_may_lie_in_a_map_beside_the_sheet_of_units(folder: Path) -> None:
    units = [_unit_cells(each) for each in json.loads((folder / MAP).read_text(encoding="utf-8"))["features"]]
    rows = [[unit[name] for name in UNITS.columns if name != "border"] for unit in units]
    (folder / "网格.csv").write_bytes(workbook.as_csv([["code", "level", "parent", "name", "aliases"], *rows]))
    assert sum(unit["border"] is not None for unit in roster.read(folder, TENANT, PUBLIC).units.values()) == 832
    (folder / MAP).unlink()
    with pytest.raises(Mistaken, match=r"网格\.csv line .*, border: a micro_grid needs a Polygon"):
        roster.read(folder, TENANT, PUBLIC)
