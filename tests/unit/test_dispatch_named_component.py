"""A component that a report names, as values: what an order keeps of it, says of it, and where that is."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.values import Place, Point
from services.dispatch.components.domain.inventory import Component, State
from services.dispatch.components.domain.naming import Named, place_of
from tests.support.small_street import ROOT, STREET

LAMP = Component("LD-1", "11001", "村东头的灯", 119.005, 36.005, f"{ROOT}20101", f"P{ROOT}")
ALONE = Place(name="LD-1")
ELSEWHERE = Place(name="大儒林")
THERE = Point(longitude=119.005, latitude=36.005)


def named(place: Place, found: Component | None = LAMP) -> tuple[Named, Place]:
    known = Named.of("LD-1", found, place, STREET)
    return known, place_of(known, found, place)


def test_named_alone_it_is_the_place_and_with_a_place_it_is_not() -> None:
    known, place = named(ALONE)
    assert (known.places, place) == (True, Place(point=THERE, name="村东头的灯"))
    known, place = named(ELSEWHERE)
    assert (known.places, place) == (False, ELSEWHERE)


def test_one_without_a_name_of_its_own_is_called_by_its_code() -> None:
    _, place = named(ALONE, replace(LAMP, name=None))
    assert place == Place(point=THERE, name="LD-1")


def test_its_name_kind_state_and_who_looks_after_it_are_explained() -> None:
    known, _ = named(ELSEWHERE, replace(LAMP, state=State.RETIRED))
    kind, org = STREET.responsibilities["11001"][0].name_zh, STREET.org_names[f"P{ROOT}"]
    assert [each.en for each in known.explained()] == [
        f"the report names the component LD-1 (村东头的灯, {kind})",
        "the component is retired",
        f"{org} looks after the component",
    ]


def test_where_nobody_looks_after_it_nobody_is_said_to() -> None:
    known, _ = named(ALONE, replace(LAMP, org_id=None, name=None, kind="01999"))
    assert [each.en for each in known.explained()] == [
        "the report names the component LD-1 (01999)",
        "it stands where the component does",
    ]


def test_an_organisation_that_is_no_more_is_called_by_its_id() -> None:
    known, _ = named(ALONE, replace(LAMP, org_id="GONE"))
    assert known.org_name == "GONE"


@given(st.sampled_from([ALONE, ELSEWHERE, Place(point=THERE)]))
def test_a_code_that_is_not_in_the_inventory_changes_no_place(place: Place) -> None:
    known, there = named(place, None)
    assert there == place
    assert [each.en for each in known.explained()] == ["the component LD-1 is not in the inventory"]
