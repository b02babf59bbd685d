"""What holds for places, units and hours exactly at a limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import shapely

from libs.contracts.reasons import Reason, Why
from services.dispatch.calendar.domain import TimeUnit
from services.dispatch.grid.domain.borders import METRES_PER_DEGREE, NEAREST_METRES, Borders
from services.dispatch.grid.domain.gazetteer import Ambiguous, Found, Gazetteer, NamedPlace, Unknown
from services.dispatch.grid.domain.tree import GridTree, Packed, as_array, pack
from services.dispatch.orders.domain.offering import (
    CANDIDATES_AT_MOST,
)
from services.dispatch.street.domain.responsibility import Condition
from tests.support.orders import M1
from tests.support.small_street import BORDERS, ROOT, STREET, UNITS
from tests.support.stage import NOON
from tests.support.visits import FIRST

STREET_DESK = replace(M1, member_id="M9", unit=ROOT, org_id=f"P{ROOT}")
WITH_DESK = replace(STREET, members={**STREET.members, "M9": STREET_DESK})


def place(name: str, unit: str | None = None, point: tuple[float, float] | None = None) -> NamedPlace:
    return NamedPlace(name, name, "shop", (), (), unit, point)


def gazetteer(*places: NamedPlace) -> Gazetteer:
    return Gazetteer(GridTree.of(UNITS, BORDERS), places)


def test_a_place_with_a_unit_and_a_point_lies_in_its_unit_and_leaves_other_points_to_theirs() -> None:
    both = place("红旗饭店", unit=f"{ROOT}203", point=(119.005, 36.005))
    point_only = place("人民浴池", point=(119.025, 36.005))
    names = gazetteer(both, point_only)
    tree = GridTree.of(UNITS, BORDERS)
    found = [names.find(text) for text in ("红旗饭店", "人民浴池")]
    assert [tree.unit(f.unit).code for f in found if isinstance(f, Found)] == [f"{ROOT}203", f"{ROOT}20201"]


def test_a_misspelt_micro_grid_is_not_found_and_a_misspelt_village_is() -> None:
    names = gazetteer()
    assert isinstance(names.find("儒临一微"), Unknown)
    assert isinstance(names.find("大儒临"), Found)


def test_what_names_no_place_is_quoted_up_to_forty_characters() -> None:
    for length in (40, 41):
        answer = gazetteer().find("啊" * length)
        assert isinstance(answer, Unknown)
        assert answer.because == (Reason(Why.NAME_UNKNOWN, {"said": "啊" * 40}),)


def test_of_a_right_wide_name_and_a_misspelt_one_within_the_misspelt_one_leads_further() -> None:
    close = gazetteer().find("一社区大如林")
    assert isinstance(close, Found)
    assert GridTree.of(UNITS, BORDERS).unit(close.unit).code == f"{ROOT}202"
    assert isinstance(gazetteer().find("老村"), Ambiguous)


@pytest.mark.parametrize(("metres", "near"), [(NEAREST_METRES, True), (NEAREST_METRES + 0.01, False)])
def test_a_point_at_exactly_the_farthest_distance_is_still_near(metres: float, near: bool) -> None:
    """South of a border on the equator, where degrees are metres alike."""
    borders = Borders(as_array([shapely.box(0, 0, 0.01, 0.01)]))
    [located] = borders.locate([(0.005, -metres / METRES_PER_DEGREE)])
    assert (located is not None) == near


def test_near_to_the_street_itself_are_only_those_who_are_posted_there() -> None:
    assert WITH_DESK.candidates.near(ROOT, frozenset(), CANDIDATES_AT_MOST).members == ("M9",)


def test_a_former_name_of_a_place_is_known_without_its_suffix_like_any_other() -> None:
    shop = replace(place("红旗饭店", unit=f"{ROOT}203"), aliases=("向阳村",), former_names=("青石村",))
    tree = GridTree.of(UNITS, BORDERS)
    for name in ("向阳", "青石"):
        found = gazetteer(shop).find(name)
        assert isinstance(found, Found)
        assert tree.unit(found.unit).code == f"{ROOT}203"


def test_a_border_that_is_read_again_and_is_the_same_keeps_the_map() -> None:
    tree = GridTree.of(UNITS, BORDERS)
    assert tree.map.locate([(119.005, 36.005)])
    for border, kept in ((shapely.from_wkb(BORDERS[FIRST].wkb), True), (None, False)):
        changed_tree = tree.changed(Packed.of([pack(tree[FIRST])], as_array([border])))
        assert (changed_tree.map is tree.map) == kept


@pytest.mark.parametrize("unit", TimeUnit)
def test_no_time_has_passed_at_the_moment_itself_also_when_nobody_works(unit: TimeUnit) -> None:
    evening = NOON + timedelta(hours=10)
    assert STREET.calendar.after(evening, timedelta(0), unit) == evening


@pytest.mark.parametrize(("digits", "fits"), [(8, False), (9, True), (16, True), (17, False)])
def test_a_condition_names_a_unit_by_nine_to_sixteen_digits(digits: int, fits: bool) -> None:
    text = f"unit={'3' * digits}"
    if fits:
        assert str(Condition.read(text)) == text
        return
    with pytest.raises(ValueError, match="9 to 16 digits"):
        Condition.read(text)


def test_only_a_former_name_is_called_one() -> None:
    shop = replace(place("红旗饭店", unit=f"{ROOT}203"), former_names=("青石村",))
    for name, called in (("青石村", True), ("红旗饭店", False)):
        found = gazetteer(shop).find(name)
        assert isinstance(found, Found)
        assert (found.because[0].reason == Why.FORMER_NAME) == called
