"""Cases that are the same matter, decided from values only."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import cos, radians, sin
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.reasons import told
from libs.sentences import Language
from libs.transitions import Impossible
from services.incident.cases.domain.case import TRANSITIONS, Move, MoveStamp, Standing, State, unmerge
from services.incident.duplicates.domain import (
    NEAR_METRES,
    SHOWN_AT_MOST,
    Sighting,
    box_around,
    candidates,
    compare,
    metres_between,
)
from services.incident.merging.domain import SURVIVING, MergeCandidate, NotTogether, merge, set_parent

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
OPEN = Standing(State.REGISTERED, opened=1)
INTO = MergeCandidate("20261123-000001", OPEN, others=False)
CASE = MergeCandidate("20261123-000002", OPEN, others=False)


def with_state(side: MergeCandidate, state: State) -> MergeCandidate:
    return replace(side, standing=replace(side.standing, state=state))


def why_not(decision: Standing | NotTogether | Impossible) -> str:
    assert not isinstance(decision, Standing)
    return str(decision.detail)


def test_a_merged_case_follows_the_one_that_survives() -> None:
    assert merge(CASE, INTO) == replace(OPEN, state=State.MERGED, merged_into=INTO.case_no)


@pytest.mark.parametrize("state", list(State))
def test_a_case_is_merged_exactly_where_the_table_says_so(state: State) -> None:
    merged = merge(with_state(CASE, state), INTO)
    assert isinstance(merged, Standing) == (TRANSITIONS.get(state, Move.MERGE) is not None)


@pytest.mark.parametrize("state", [s for s in State if s is not State.MERGED])
def test_only_a_case_that_is_not_over_takes_others_in(state: State) -> None:
    assert isinstance(merge(CASE, with_state(INTO, state)), Standing) == (state in SURVIVING)


def test_a_merged_case_a_case_with_others_merged_into_it_and_the_case_itself_are_no_targets() -> None:
    following = replace(INTO, standing=Standing(State.MERGED, merged_into="20261123-000009"))
    assert "merge into that one instead" in why_not(merge(CASE, following))
    assert f"Merge {INTO.case_no} into it" in why_not(merge(replace(CASE, others=True), INTO))
    assert "itself" in why_not(merge(CASE, CASE))


def test_an_unmerged_case_is_registered_and_what_its_order_told_before_stays_before() -> None:
    moved = MoveStamp(NOON + timedelta(hours=1), 1, UUID(int=5))
    merged = Standing(State.MERGED, moved=moved, opened=1, merged_into=INTO.case_no)
    apart = unmerge(merged, NOON, UUID(int=6))
    assert isinstance(apart, Standing)
    assert (apart.state, apart.merged_into, apart.opening) == (State.REGISTERED, None, 1)
    assert apart.moved is not None
    assert apart.moved > moved
    assert isinstance(unmerge(OPEN, NOON, UUID(int=6)), Impossible)


def test_a_parent_has_no_parent_and_a_child_no_children() -> None:
    assert set_parent(CASE, INTO) == replace(OPEN, parent=INTO.case_no)
    child = replace(INTO, standing=replace(OPEN, parent="20261123-000009"))
    assert "is a child" in why_not(set_parent(CASE, child))
    assert "has children" in why_not(set_parent(replace(CASE, others=True), INTO))
    assert "own parent" in why_not(set_parent(CASE, CASE))


LAMP = Sighting("20261123-000002", 119.2, 36.4, None, NOON, "村东头的路灯连着两晚不亮。")
SAME = replace(LAMP, case_no="20261123-000001", text="村东头路灯两晚不亮了", reported_at=NOON - timedelta(hours=3))
FAR = replace(SAME, longitude=119.21)


def test_the_same_lamp_is_found_with_its_reasons() -> None:
    [found] = candidates(LAMP, [LAMP, SAME, FAR])
    assert found.case_no == SAME.case_no
    assert told(found.because, Language.EN) == "0 m away; 3 h apart; 60% of the text alike"
    assert told(found.because, Language.ZH) == "相距 0 米；相隔 3 小时；内容 60% 相同"
    assert found.score > 0.85


def test_the_same_spot_on_the_same_day_is_enough_whatever_the_words() -> None:
    assert compare(LAMP, replace(SAME, text="crossing dark")) is not None
    assert compare(LAMP, replace(SAME, text="crossing dark", reported_at=NOON - timedelta(days=20))) is None


def test_a_place_without_a_point_is_known_by_its_name() -> None:
    here = replace(LAMP, longitude=None, latitude=None, place_name="大儒林")
    assert compare(here, replace(here, case_no="20261123-000001")) is not None
    assert compare(here, replace(here, case_no="20261123-000001", place_name="儒林")) is None


def test_the_likeliest_come_first_and_not_too_many() -> None:
    near = [replace(SAME, case_no=f"20261123-0001{n:02}", latitude=36.4 + n / 1e5) for n in range(30)]
    found = candidates(LAMP, near)
    assert [c.case_no for c in found] == [n.case_no for n in near[:SHOWN_AT_MOST]]


@given(st.floats(-179, 179), st.floats(-80, 80), st.floats(0, 360), st.floats(0, NEAR_METRES * 0.999))
def test_whatever_is_near_lies_in_the_box(longitude: float, latitude: float, angle: float, metres: float) -> None:
    north = metres * cos(radians(angle)) / 111_320
    east = metres * sin(radians(angle)) / 111_320 / cos(radians(latitude))
    box = box_around(longitude, latitude)
    assert box.west <= longitude + east <= box.east
    assert box.south <= latitude + north <= box.north
    assert metres_between(longitude, latitude, longitude + east, latitude + north) <= NEAR_METRES


def test_texts_are_alike_the_same_way_round() -> None:
    one, other = compare(LAMP, SAME), compare(SAME, LAMP)
    assert one is not None
    assert other is not None
    assert one.score == other.score


def test_a_refusal_to_merge_says_how_the_case_stands_that_should_take_it_in() -> None:
    into = with_state(INTO, State.CLOSED)
    assert why_not(merge(CASE, into)) == (
        f"Case {INTO.case_no} is closed; only a case that is not over yet takes others in."
    )


def test_ten_candidates_are_shown() -> None:
    assert len(candidates(LAMP, [replace(SAME, case_no=f"20261123-0001{n:02}") for n in range(30)])) == 10
