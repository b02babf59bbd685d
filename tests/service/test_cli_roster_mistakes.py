"""Every mistake in a street's folder is named by file, line and column, and nothing is changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.local.linghe import street
from libs import sealing
from services.dispatch.roster import importing as roster
from services.dispatch.roster.files import NotARoster
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


def _as_gbk(folder: Path) -> None:
    path = folder / "members.csv"
    path.write_bytes(path.read_text(encoding="utf-8").encode("gbk"))


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
        r"members.csv line 3, kind: 'chief': Input should be 'full_time', 'party_member'",
    ),
    "a limit that is no number": (
        lambda f: edit(f / "members.csv", setting(0, workload_limit="many")),
        "members.csv line 2, workload_limit: 'many': Input should be a valid integer",
    ),
    "an address that is none": (
        lambda f: edit(f / "members.csv", setting(0, email="secret at home")),
        "members.csv line 2, email: no mail address; it may be empty$",
    ),
    "a day that is none": (
        lambda f: _write(f / "calendar.csv", "day,kind,name\n2026-02-30,holiday,\n"),
        "calendar.csv line 2, day: '2026-02-30': Input should be a valid date",
    ),
    "working hours that overlap": (
        lambda f: _write(f / "working_hours.csv", "opens,closes\n08:00,12:00\n11:00,17:00\n"),
        "working_hours.csv: working hours must follow one another and may not overlap",
    ),
    "a unit that is unknown": (
        lambda f: edit(f / "members.csv", setting(0, unit="370784004999")),
        "members.csv line 2, unit: 370784004999 is not in units.geojson",
    ),
    "an organisation that is unknown": (
        lambda f: edit(f / "members.csv", setting(0, org_id="P1")),
        "members.csv line 2, org_id: P1 is not in organisations.csv",
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
        "feature 1001, geometry: is no valid polygon: Self-intersection",
    ),
    "latitude before longitude": (
        lambda f: edit_units(f, _swapped),
        "feature 1001, geometry: positions must be longitude, latitude in degrees",
    ),
    "a micro-grid without border": (
        lambda f: edit_units(f, lambda units: units[-1].update(geometry=None)),
        "feature 1001, geometry: a micro_grid needs a Polygon",
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
    "another column": (_without_a_column, "members.csv line 1: the columns must be member_id,name,kind"),
    "another encoding": (_as_gbk, "members.csv: not UTF-8 at byte .* save it as “CSV UTF-8”"),
    "no file": (lambda f: (f / "members.csv").unlink(), "members.csv: the file is missing"),
    "no JSON": (
        _as_no_json,
        "units.geojson line 1, column 2: Expecting property name",
    ),
}


@pytest.mark.parametrize("mistake", SPOILT)
def test_a_wrong_cell_is_named_with_what_would_be_right(folder: Path, mistake: str) -> None:
    spoil, told = SPOILT[mistake]
    spoil(folder)
    with pytest.raises(NotARoster, match=told) as error:
        roster.read(folder, TENANT, PUBLIC)
    assert "secret" not in str(error.value)


def test_fifty_mistakes_are_shown_and_the_rest_counted(folder: Path) -> None:
    def spoil(lines: list[dict[str, str]]) -> None:
        for line in lines[:60]:
            line["kind"] = "chief"

    edit(folder / "members.csv", spoil)
    with pytest.raises(NotARoster) as error:
        roster.read(folder, TENANT, PUBLIC)
    assert len(error.value.problems) == 60
    assert str(error.value).splitlines()[50:] == ["… and 10 more"]
