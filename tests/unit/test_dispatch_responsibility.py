"""Which row of the responsibility list applies: decided from values only."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.contracts.reasons import Reason, Why
from libs.contracts.values import Place, RequestKind
from libs.sheets.mistakes import Where
from libs.street_time import STREET_ZONE, local_day
from services.dispatch.calendar.domain import NATIONAL
from services.dispatch.orders.domain.offering import NewCase, dispatch, widen
from services.dispatch.responsibility.file import Listed, disagreements
from services.dispatch.routing.domain import RoutingRequest, route_all
from services.dispatch.street.domain.responsibility import (
    FOR_EVER,
    FROM_EVER,
    Condition,
    Hours,
    Responsibility,
    Situation,
    categories,
    category_facts,
    next_turn,
    select,
)
from services.dispatch.workload.domain import Workload
from tests.support.orders import new_order
from tests.support.small_street import ROOT, STREET, row
from tests.support.stage import NOON

UNITS = (f"{ROOT}20101", f"{ROOT}201", f"{ROOT}01", ROOT)


def when(condition: str = "", **changes: object) -> Responsibility:
    return replace(row("11001"), condition=Condition.read(condition), **changes)  # type: ignore[arg-type]


def applying(rows: list[Responsibility], case: Situation | None = None, at: datetime = NOON) -> Responsibility | None:
    return select("11001", rows, case or Situation(UNITS, RequestKind.ERRAND, Hours.OFF), at).row


def test_the_place_weighs_more_than_the_way_it_came_in_and_that_more_than_the_time() -> None:
    always, off, errand, community = when(), when("hours=off"), when("request_kind=errand"), when(f"unit={ROOT}01")
    grid, errand_off = when(f"unit={ROOT}201"), when("request_kind=errand;hours=off")
    rows = [always, off, errand, errand_off, community, grid]
    for most_specific in (grid, community, errand_off, errand, off, always):
        assert applying(rows) is most_specific
        rows.remove(most_specific)


@pytest.mark.parametrize("others", [["hours=working"], ["", "hours=working"], [""]])
def test_a_street_asks_for_the_hour_as_soon_as_one_row_has_a_condition(others: list[str]) -> None:
    """Without conditions it keeps what it selected for the day."""
    off, *more = when("hours=off"), *map(when, others)
    street = replace(STREET, responsibilities={"11001": [off, *more]})
    morning, night = NOON - timedelta(hours=2), NOON + timedelta(hours=10)
    assert street.calendar.is_open(morning)
    assert not street.calendar.is_open(night)
    for _ in range(2):
        assert street.responsibility("11001", morning).row is more[-1]
        assert street.responsibility("11001", night).row is off


def test_a_row_whose_condition_does_not_fit_does_not_apply() -> None:
    rows = [when(f"unit={ROOT}99"), when("request_kind=patrol"), when("hours=working")]
    selected = select("11001", rows, Situation(UNITS, RequestKind.ERRAND, Hours.OFF), NOON)
    assert selected.row is None
    assert selected.because == (Reason(Why.NO_ROW_APPLIES, {"category": "11001", "day": "2026-11-23"}),)


def test_where_nobody_can_tell_the_unit_only_rows_for_every_unit_apply() -> None:
    always = when()
    assert applying([when(f"unit={ROOT}"), always], Situation((), None, Hours.OFF)) is always


def test_what_a_street_keeps_for_a_day_ends_with_the_day() -> None:
    """Also at midnight in the street, which is another day elsewhere."""
    monday, tuesday = date(2026, 11, 23), date(2026, 11, 24)
    before, after = when(effective_until=monday), when(effective_from=tuesday)
    street = replace(STREET, responsibilities={"11001": [before, after]})
    midnight = datetime(2026, 11, 24, tzinfo=STREET_ZONE)
    for at, row_then in ((midnight - timedelta(seconds=1), before), (midnight, after), (midnight, after)):
        assert street.responsibility("11001", at).row is row_then


def test_only_a_list_that_asks_for_nothing_is_kept_for_a_day() -> None:
    always, errand = when(), when("request_kind=errand")
    street = replace(STREET, responsibilities={"11001": [always, errand]})
    assert street.responsibility("11001", NOON, request_kind=RequestKind.ERRAND).row is errand
    assert street.responsibility("11001", NOON, request_kind=RequestKind.PATROL).row is always


def test_the_street_tells_working_hours_from_the_rest_by_its_calendar() -> None:
    assert [NATIONAL.is_open(datetime(2026, 11, 23, hour, tzinfo=STREET_ZONE)) for hour in (8, 9, 13, 14, 18)] == [
        False,
        True,
        False,
        True,
        False,
    ]
    assert not NATIONAL.is_open(datetime(2026, 11, 22, 10, tzinfo=STREET_ZONE))


def test_a_row_applies_from_midnight_of_its_first_day_to_midnight_after_its_last_in_the_street() -> None:
    old = when(effective_until=date(2026, 12, 31), points=1)
    new = when(effective_from=date(2027, 1, 1), effective_until=date(2027, 1, 1), points=2)
    midnight = datetime(2026, 12, 31, 16, tzinfo=UTC)
    found = [applying([new, old], at=midnight + timedelta(seconds=at)) for at in (-1, 0, 86_399, 86_400)]
    assert found == [old, new, new, None]
    assert next_turn([old, new], NOON) == midnight
    assert next_turn([old, new], midnight) == midnight + timedelta(days=1)
    assert next_turn([old, new], midnight + timedelta(days=1)) is None


def test_who_takes_reports_hears_of_what_comes_changes_and_goes_and_of_nothing_else() -> None:
    ends = replace(row("11001"), effective_until=date(2026, 12, 31))
    begins = replace(row("11002"), effective_from=date(2027, 1, 1))
    renamed = [
        replace(row("11003"), effective_until=date(2026, 12, 31)),
        replace(row("11003"), effective_from=date(2027, 1, 1), name_zh="路灯故障"),
    ]
    rows = [ends, begins, *renamed, row("11004")]
    later = datetime(2027, 1, 1, tzinfo=STREET_ZONE)
    told = category_facts(ROOT, categories(rows, NOON), categories(rows, later), later)
    assert [(fact.category, fact.name_zh, fact.active) for fact in told] == [
        ("11001", "路灯不亮", False),
        ("11002", "路灯不亮", True),
        ("11003", "路灯故障", True),
    ]


def test_an_order_is_made_under_the_row_for_its_place_and_says_so() -> None:
    special = when(f"unit={ROOT}201", points=9, version=4)
    street = replace(STREET, responsibilities={"11001": [row("11001"), special]})
    for name, points, version in (("大儒林", 5, 1), ("儒林", 9, 4)):
        place = Place(name=name)
        [routed] = route_all([RoutingRequest("11001", place, NOON)], street)
        case = NewCase(new_order().case_id, "20261123-000001", "11001", "路灯不亮", "", None, place)
        order = dispatch(new_order().order_id, case, routed, street, Workload(), NOON).order
        assert (order.points, order.responsibility_version) == (points, version)
    at = order.because.index(Reason(Why.ROW_APPLIES, {"category": "11001", "version": 4}))
    assert order.because[at + 1] == Reason(Why.ROW_CONDITION, {"condition": f"unit={ROOT}201"})


def test_an_order_goes_on_with_the_skills_it_was_made_with() -> None:
    [routed] = route_all([RoutingRequest("11002", Place(name="儒林"), NOON)], STREET)
    case = NewCase(new_order().case_id, "20261123-000001", "11002", "水管", "", None, Place(name="儒林"))
    order = dispatch(new_order().order_id, case, routed, STREET, Workload(), NOON).order
    changed = replace(STREET, responsibilities={})
    assert order.skills == {"plumber"}
    assert widen(order, changed, Workload(), NOON) == widen(order, STREET, Workload(), NOON)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("hour=off", "hour=off is no term"),
        ("hours=late", "hours=late must be working or off"),
        ("request_kind=phone", "request_kind=phone must be snapshot"),
        ("unit=12", "9 to 16 digits"),
        ("hours=off;hours=off", "hours stands there twice"),
    ],
)
def test_a_condition_that_is_none_says_what_would_be_right(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        Condition.read(text)


conditions = st.builds(
    Condition,
    st.none() | st.sampled_from([*UNITS, f"{ROOT}99"]),
    st.none() | st.sampled_from([RequestKind.ERRAND, RequestKind.PATROL]),
    st.none() | st.sampled_from(Hours),
)
days = st.dates(date(2026, 11, 20), date(2026, 11, 26))
rows_of_one = st.lists(
    st.builds(
        lambda condition, first, last: replace(
            row("11001"), condition=condition, effective_from=first, effective_until=last
        ),
        conditions,
        days | st.just(FROM_EVER),
        days | st.just(FOR_EVER),
    ),
    max_size=8,
)
situations = st.builds(
    Situation,
    st.sampled_from([UNITS[at:] for at in range(5)]),
    st.none() | st.sampled_from(RequestKind),
    st.sampled_from(Hours),
)


@given(conditions)
def test_a_condition_reads_back_as_it_is_written(condition: Condition) -> None:
    assert Condition.read(str(condition)) == condition


moments = st.integers(-96, 96).map(lambda hours: NOON + timedelta(hours=hours))


@settings(max_examples=400)
@given(rows_of_one, situations, moments)
def test_of_a_list_that_may_be_imported_one_row_applies_whatever_its_sequence(
    rows: list[Responsibility], case: Situation, at: datetime
) -> None:
    imported: list[Responsibility] = []
    for each in rows:
        if not any(disagreements([Listed(Where("", n), r) for n, r in enumerate([*imported, each])], UNITS)):
            imported.append(each)
    fitting = [r for r in imported if r.is_effective(local_day(at)) and r.condition.fits(case)]
    ranks = [r.condition.rank(case) for r in fitting]
    assert len(set(ranks)) == len(ranks)
    assert applying(imported, case, at) == applying(imported[::-1], case, at)
    assert (applying(imported, case, at) is None) == (not fitting)


@given(conditions, conditions)
def test_conditions_of_equal_weight_that_fit_the_same_case_are_the_same(one: Condition, other: Condition) -> None:
    for case in (Situation(UNITS[at:], kind, hours) for at in range(5) for kind in RequestKind for hours in Hours):
        for a, b in combinations((one, other), 2):
            if a.fits(case) and b.fits(case) and a.rank(case) == b.rank(case):
                assert a == b
