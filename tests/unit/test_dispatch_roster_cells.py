"""What is wrong with the places and routing rules of a roster, cell by cell."""

from __future__ import annotations

from typing import Any

import pytest
import shapely
from pydantic import ValidationError

from libs.sheets.mistakes import Where
from services.dispatch.grid.domain.borders import Borders
from services.dispatch.grid.domain.gazetteer import NamedPlace
from services.dispatch.grid.domain.tree import as_array
from services.dispatch.roster.domain.places_and_rules import PlaceCells, RuleCells, wrong_places, wrong_rules

UNITS = {"370784004", "370784004201"}
AREAS = {"11001": "public_services", "16001": "property"}
BORDERS = Borders(as_array([shapely.box(119, 36, 119.01, 36.01)]))


def place(**cells: Any) -> PlaceCells:
    return PlaceCells.model_validate({"place_id": "L1", "name": "凌河小学", "kind": "school", **cells})


def rule(number: int = 1, **cells: Any) -> RuleCells:
    return RuleCells.model_validate({"number": number, "note": "爆管", "to_unit": "370784004201", **cells})


def of_places(*places: PlaceCells) -> list[str]:
    return [str(p) for p in wrong_places([(Where("", n), each) for n, each in enumerate(places, 2)], UNITS, BORDERS)]


def of_rules(*rules: RuleCells) -> list[str]:
    return [str(p) for p in wrong_rules([(Where("", n), each) for n, each in enumerate(rules, 2)], UNITS, AREAS)]


def test_a_place_is_in_a_unit_or_at_a_point() -> None:
    assert of_places(place(unit="370784004201"), place(place_id="L2", longitude=119.005, latitude=36.005)) == []
    assert of_places(place()) == ["line 2, unit: a place needs a unit, or longitude and latitude"]
    assert of_places(place(longitude=119.005)) == ["line 2, unit: a place needs a unit, or longitude and latitude"]
    both = "line 2, unit: a place has a unit or a point, not both"
    assert of_places(place(unit="370784004201", longitude=119.005)) == [both]
    assert of_places(place(unit="370784004201", latitude=36.005)) == [both]
    assert of_places(place(unit="370784004999")) == ["line 2, unit: 370784004999 is no unit of the street"]


def test_a_point_that_is_far_away_has_its_numbers_the_wrong_way_round() -> None:
    assert of_places(place(longitude=36.005, latitude=19.005)) == [
        "line 2, longitude: the point lies far outside of the street: longitude before latitude"
    ]


def test_an_id_is_there_once() -> None:
    twice = of_places(place(unit="370784004201"), place(unit="370784004201"), place(unit="370784004201"))
    assert twice == ["line 3, place_id: L1 is in line 2 already", "line 4, place_id: L1 is in line 2 already"]


def test_a_rule_has_one_target() -> None:
    assert of_rules(rule(), rule(2, to_unit="", to_org_kind="community_org", category="11001")) == []
    either = "line 2, to_unit: a rule needs either to_unit or to_org_kind"
    assert of_rules(rule(to_org_kind="community_org")) == [either]
    assert of_rules(rule(to_unit="")) == [either]
    assert of_rules(rule(to_unit="370784004999")) == ["line 2, to_unit: 370784004999 is no unit of the street"]
    assert of_rules(rule(within="370784004999")) == ["line 2, within: 370784004999 is no unit of the street"]


def test_a_rule_is_about_a_category_of_the_list() -> None:
    none = "line 2, category: no category of the responsibility list is of that category and area"
    assert of_rules(rule(category="11")) == of_rules(rule(area="property")) == []
    assert of_rules(rule(category="12")) == [none]
    assert of_rules(rule(category="11", area="property")) == [none]


def test_a_rule_that_never_decides_is_wrong() -> None:
    same = of_rules(rule(5), rule(3), rule(4, category="11"))
    assert same == ["line 2, number: rule 3 has the same conditions, so this never decides"]
    assert of_rules(rule(1), rule(1, category="11")) == ["line 3, number: 1 is in line 2 already"]


@pytest.mark.parametrize(("number", "fits"), [(0, False), (1, True), (32_000, True), (32_001, False)])
def test_rules_are_numbered_from_one(number: int, fits: bool) -> None:
    if fits:
        assert rule(number).number == number
        return
    with pytest.raises(ValidationError):
        rule(number)


@pytest.mark.parametrize(("length", "fits"), [(0, False), (1, True), (100, True), (101, False)])
def test_a_name_has_up_to_a_hundred_characters(length: int, fits: bool) -> None:
    if fits:
        assert place(name="校" * length).name == "校" * length
        return
    with pytest.raises(ValidationError):
        place(name="校" * length)


def test_a_cell_of_several_names_has_semicolons_between_them() -> None:
    assert place(aliases="凌小;;一小").aliases == ("凌小", "一小")
    assert place(unit="").unit is None


@pytest.mark.parametrize("column", ["aliases", "former_names"])
def test_a_place_has_up_to_twenty_other_names(column: str) -> None:
    names = [f"名{number}" for number in range(21)]
    assert len(getattr(place(**{column: names[:20]}), column)) == 20
    with pytest.raises(ValidationError):
        place(**{column: names})


def test_a_line_becomes_the_place_that_it_names() -> None:
    line = place(aliases=["中心小学"], former_names=["完小"], unit="370784004201", longitude=119.005, latitude=36.005)
    names = ("中心小学",), ("完小",)
    assert line.value() == NamedPlace("L1", "凌河小学", "school", *names, "370784004201", (119.005, 36.005))
