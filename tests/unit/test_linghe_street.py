"""The demonstration street holds the numbers it promises, its map has no holes, its morning covers all ways in."""

import csv
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from shapely import Point, Polygon, STRtree, union_all

from deploy.local.linghe.grid_map import COMMUNITIES, DIVISIONS, FORMER_NAMES, URBAN_GRIDS
from deploy.local.linghe.members import ORG_KINDS, SKILLS
from deploy.local.linghe.street import RESPONSIBILITY, Street, build, write
from deploy.local.morning.planned_reports import PHONE_NUMBER, TEXTS, UNKNOWN_PLACES, PlannedReport, plan_morning
from deploy.local.morning.scenarios import SAME_AS, SCENARIOS, with_scenarios


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


@pytest.fixture(scope="module")
def street() -> Street:
    return build()


@pytest.fixture(scope="module")
def polygons(street: Street) -> dict[str, Polygon]:
    return {unit.code: Polygon(unit.ring) for unit in street.units if unit.level == "micro_grid"}


@pytest.fixture(scope="module")
def reports(street: Street) -> list[PlannedReport]:
    return plan_morning(street)


def test_the_street_has_ten_communities_158_grids_and_832_micro_grids(street: Street) -> None:
    levels = Counter(unit.level for unit in street.units)
    assert levels == {"street": 1, "community": 10, "grid": 158, "micro_grid": 832}
    assert len({unit.code for unit in street.units}) == 1001


def test_every_unit_but_the_street_has_a_parent_one_level_up(street: Street) -> None:
    level_of = {unit.code: unit.level for unit in street.units}
    up = {"community": "street", "grid": "community", "micro_grid": "grid"}
    for unit in street.units:
        if unit.level == "street":
            assert unit.parent is None
        else:
            assert unit.parent is not None
            assert level_of[unit.parent] == up[unit.level]


def test_every_official_village_is_a_grid_under_its_official_code(street: Street) -> None:
    villages = {row["code"]: row["name"] for row in _rows(DIVISIONS) if row["kind"] == "village"}
    grids = {unit.code: unit for unit in street.units if unit.level == "grid"}
    assert len(villages) == 145
    for code, name in villages.items():
        assert name in grids[code].aliases
        assert name.removesuffix("委会") in grids[code].aliases


def test_every_grid_has_four_to_seven_micro_grids(street: Street) -> None:
    sizes = Counter(unit.parent for unit in street.units if unit.level == "micro_grid")
    assert len(sizes) == 158
    assert set(sizes.values()) == {4, 5, 6, 7}


def test_no_alias_names_two_units(street: Street) -> None:
    aliases = Counter(alias for unit in street.units for alias in unit.aliases)
    assert {alias for alias, count in aliases.items() if count > 1} == set()


def test_every_made_up_name_is_used(street: Street) -> None:
    aliases = {alias for unit in street.units for alias in unit.aliases}
    assert {name for names in FORMER_NAMES.values() for name in names} <= aliases
    assert {*URBAN_GRIDS, *(f"{name}社区" for name in COMMUNITIES)} <= aliases


def test_micro_grids_adjoin_without_gaps_or_overlaps(polygons: dict[str, Polygon]) -> None:
    shapes = list(polygons.values())
    assert all(shape.is_valid and shape.exterior.is_ccw for shape in shapes)
    whole = union_all(shapes)
    assert isinstance(whole, Polygon)
    assert len(whole.interiors) == 0
    assert whole.area == pytest.approx(sum(shape.area for shape in shapes), rel=1e-12)
    left, right = STRtree(shapes).query(shapes, predicate="overlaps")
    assert len(left) == len(right) == 0


@pytest.mark.parametrize("level", ["grid", "community"])
def test_every_grid_and_community_is_one_piece(street: Street, polygons: dict[str, Polygon], level: str) -> None:
    parent = {unit.code: unit.parent for unit in street.units}
    pieces: dict[str | None, list[Polygon]] = {}
    for code, polygon in polygons.items():
        grid = parent[code] or ""
        pieces.setdefault(grid if level == "grid" else parent[grid], []).append(polygon)
    assert len(pieces) == (158 if level == "grid" else 10)
    assert all(isinstance(union_all(own), Polygon) for own in pieces.values())


def test_every_unit_has_one_organisation_of_its_level(street: Street) -> None:
    level_of = {unit.code: unit.level for unit in street.units}
    assert sorted(org.unit for org in street.organisations) == sorted(level_of)
    assert len({org.org_id for org in street.organisations}) == len(street.organisations)
    assert all(org.kind == ORG_KINDS[level_of[org.unit]] for org in street.organisations)


def test_there_are_2303_members_and_109_of_them_retired_cadres(street: Street) -> None:
    kinds = Counter(member.kind for member in street.members)
    assert sum(kinds.values()) == len({member.member_id for member in street.members}) == 2303
    assert kinds["retired_cadre"] == 109
    assert kinds["lead"] == 9
    assert kinds["liaison"] == 145


def test_every_member_serves_an_organisation_of_the_street_within_the_limits(street: Street) -> None:
    unit_of_org = {org.org_id: org.unit for org in street.organisations}
    for member in street.members:
        assert unit_of_org[member.org_id] == member.unit
        assert 3 <= member.workload_limit <= 6
        assert set(member.skills) <= set(SKILLS)
        assert len(set(member.skills)) == len(member.skills)


def test_every_grid_has_a_full_time_worker_and_every_micro_grid_two_members(street: Street) -> None:
    full_time = {member.unit for member in street.members if member.kind == "full_time"}
    serving = Counter(member.unit for member in street.members)
    assert all(unit.code in full_time for unit in street.units if unit.level == "grid")
    assert all(serving[unit.code] >= 2 for unit in street.units if unit.level == "micro_grid")


def test_every_community_has_every_skill_and_grids_most(street: Street) -> None:
    parent = {unit.code: unit.parent or "" for unit in street.units}
    level_of = {unit.code: unit.level for unit in street.units}
    in_grid: dict[str, set[str]] = {}
    in_community: dict[str, set[str]] = {}
    for member in street.members:
        grid = parent[member.unit] if level_of[member.unit] == "micro_grid" else member.unit
        if level_of[grid] == "grid":
            in_grid.setdefault(grid, set()).update(member.skills)
            in_community.setdefault(parent[grid], set()).update(member.skills)
    assert all(skills == set(SKILLS) for skills in in_community.values())
    assert sum(len(skills) >= 6 for skills in in_grid.values()) > 150
    assert any(skills != set(SKILLS) for skills in in_grid.values())


def test_the_desks_of_street_and_communities_can_do_what_starts_there(street: Street) -> None:
    desk = {unit.code: unit.level for unit in street.units if unit.level in ("street", "community")}
    for row in _rows(RESPONSIBILITY):
        needed = set(filter(None, row["skills"].split(";")))
        for code, level in desk.items():
            if level == row["start_level"]:
                assert any(needed <= set(member.skills) for member in street.members if member.unit == code)


def test_the_same_seed_makes_the_same_street_and_morning(street: Street, reports: list[PlannedReport]) -> None:
    assert build() == street
    assert plan_morning(street) == reports
    assert build(seed=2) != street
    assert plan_morning(street, seed=2) != reports


def test_the_written_folder_holds_what_was_built(street: Street, tmp_path: Path) -> None:
    write(street, tmp_path)
    features = json.loads((tmp_path / "units.geojson").read_text(encoding="utf-8"))["features"]
    assert [feature["properties"]["code"] for feature in features] == [unit.code for unit in street.units]
    assert all(feature["properties"]["synthetic"] is True for feature in features)
    assert Counter(feature["geometry"] is None for feature in features) == {False: 832, True: 169}
    members = _rows(tmp_path / "members.csv")
    assert [member["email"] for member in members] == [member.email for member in street.members]
    assert len(_rows(tmp_path / "organisations.csv")) == 1001
    assert (tmp_path / "responsibility.csv").read_bytes() == RESPONSIBILITY.read_bytes()


def test_every_address_lies_under_example(street: Street, reports: list[PlannedReport]) -> None:
    addresses = {member.email for member in street.members}
    addresses |= {report.contact_email for report in reports if report.contact_email}
    assert all(re.fullmatch(r"[mr]\d{4}@(linghe|residents)\.example", address) for address in addresses)


def test_responsibility_rows_are_consistent() -> None:
    rows = _rows(RESPONSIBILITY)
    assert len({row["category"] for row in rows}) == len({row["name_zh"] for row in rows}) == len(rows)
    units = {"work_hour", "work_day", "urgent_hour", "natural_day"}
    org_kinds = {str(level): kind for level, kind in ORG_KINDS.items()}
    for row in rows:
        assert re.fullmatch(r"\d{5}", row["category"])
        assert re.fullmatch(r"[a-z_]+", row["area"])
        assert row["kind"] in {"component", "matter"}
        assert row["registration"] in {"automatic", "acceptor", "verify"}
        assert row["org_kind"] == org_kinds[row["start_level"]]
        assert set(filter(None, row["skills"].split(";"))) <= set(SKILLS)
        assert all(row[f"{clock}_unit"] in units for clock in ("claim", "handle", "check"))
        assert all(int(row[f"{clock}_amount"]) > 0 for clock in ("claim", "handle", "check"))
        assert row["evidence"] in {"none", "note", "photo"}
        assert 2 <= int(row["points"]) <= 20
        assert row["standard_ref"] in {"", "GB/T 30428.2-2013"}
    assert len({(row["category"][:2], row["area"]) for row in rows}) == len({row["area"] for row in rows}) == 10


def test_every_category_has_a_wording_and_no_wording_an_unknown_category() -> None:
    assert {row["category"] for row in _rows(TEXTS)} == {row["category"] for row in _rows(RESPONSIBILITY)}


def test_the_morning_covers_every_way_in_and_every_outcome(reports: list[PlannedReport]) -> None:
    assert len(reports) == 600
    assert len({report.idempotency_key for report in reports}) == 600
    kinds = {"snapshot", "service_order", "errand", "patrol", "referral"}
    assert {report.request_kind for report in reports} == kinds
    assert {report.via for report in reports} == {"http", "nats"}
    assert {report.retries for report in reports} == {0, 1, 2}
    outcomes = Counter(report.outcome for report in reports)
    assert set(outcomes) == {"handled", "returned_first", "check_fails_first", "nobody_claims"}
    assert outcomes["handled"] > 450
    assert {report.satisfied for report in reports} == {True, False, None}
    assert 0.65 < sum(report.contact_email is not None for report in reports) / 600 < 0.75
    assert 3 <= sum(PHONE_NUMBER in report.text for report in reports) <= 40
    assert [report.at_fraction for report in reports] == sorted(report.at_fraction for report in reports)
    assert all(0 <= report.at_fraction <= 1 for report in reports)


def test_a_report_has_a_point_or_a_place_name_and_a_patrol_its_member(reports: list[PlannedReport]) -> None:
    for report in reports:
        assert (report.point is None) != (report.place_name is None)
        assert (report.reported_by_member is not None) == (report.request_kind == "patrol")


def test_points_lie_where_the_plan_says(polygons: dict[str, Polygon], reports: list[PlannedReport]) -> None:
    street = union_all(list(polygons.values()))
    for report, point in ((report, Point(report.point)) for report in reports if report.point is not None):
        match report.lies:
            case "inside":
                assert polygons[report.expected_unit or ""].contains(point)
            case "near":
                assert 0.0003 < street.distance(point) < 0.0017
            case "far":
                assert street.distance(point) > 0.2
    lies = Counter(report.lies for report in reports)
    assert (lies["near"], lies["far"], lies["unknown_name"]) == (18, 6, 6)


def test_place_names_mean_what_the_plan_says(street: Street, reports: list[PlannedReport]) -> None:
    unit_of = {alias: unit.code for unit in street.units for alias in unit.aliases}
    for report in reports:
        if report.place_name is not None:
            assert unit_of.get(report.place_name) == report.expected_unit
            assert (report.lies == "unknown_name") == (report.expected_unit is None)
    assert not any(alias in place for alias in unit_of for place in UNKNOWN_PLACES)


def test_a_short_morning_is_as_long_as_asked(street: Street) -> None:
    assert len(plan_morning(street, count=7)) == 7
    assert plan_morning(street, count=0) == []


def test_each_plot_is_played_as_often_as_asked_and_nothing_else_changes(
    street: Street, reports: list[PlannedReport]
) -> None:
    played = with_scenarios(reports, street, 3)
    outcomes = Counter(report.outcome for report in played)
    assert {outcome: outcomes[outcome] for outcome in SCENARIOS} == dict.fromkeys(SCENARIOS, 3)
    assert [report.idempotency_key for report in played] == [report.idempotency_key for report in reports]
    assert all(after == before for before, after in zip(reports, played, strict=True) if after.outcome not in SCENARIOS)


def test_who_reports_the_same_matter_does_so_after_another_and_at_the_same_place(
    street: Street, reports: list[PlannedReport]
) -> None:
    played = with_scenarios(reports, street, 3)
    number = {report.idempotency_key: n for n, report in enumerate(played)}
    again = [(n, report) for n, report in enumerate(played) if report.same_as is not None]
    assert len({report.same_as for _, report in again}) == len(again) == 3 * len(SAME_AS)
    for n, report in again:
        first = played[number[report.same_as or ""]]
        assert number[first.idempotency_key] < n
        assert (first.point, first.place_name, first.category) == (report.point, report.place_name, report.category)
