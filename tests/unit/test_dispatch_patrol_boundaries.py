"""What holds for campaigns, their rounds and visits exactly at a limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import shapely

from libs.contracts.dispatch import (
    PatrolAssigned,
    PatrolPlanned,
)
from libs.contracts.values import Level
from services.dispatch.campaigns.domain.campaign import LONGEST_WINDOW, SHORTEST_WINDOW, AnswerKind, Item, what_is_wrong
from services.dispatch.campaigns.domain.recurrence import ROUNDS_A_DAY_AT_MOST, NoRecurrence, checked, next_occurrences
from services.dispatch.coverage.domain import roll_up
from services.dispatch.grid.domain.tree import GridTree
from services.dispatch.patrols.domain.patrol import State as PatrolState
from services.dispatch.patrols.domain.patrol import Task, assign, facts_of
from services.dispatch.patrols.domain.visit import CLOCKS_DIFFER, metres_off
from services.dispatch.patrols.domain.visit import Found as VisitFound
from services.dispatch.workload.domain import Workload
from tests.support.campaigns import PLAN
from tests.support.orders import M1
from tests.support.small_street import BORDERS, ROOT, STREET, UNITS
from tests.support.stage import NOON
from tests.support.visits import FIRST, ROUND, SECOND, refused, said, visited

FREE = Workload()
STREET_DESK = replace(M1, member_id="M9", unit=ROOT, org_id=f"P{ROOT}")
WITH_DESK = replace(STREET, members={**STREET.members, "M9": STREET_DESK})


def test_a_visit_may_be_ahead_of_now_by_as_much_as_clocks_differ() -> None:
    at = NOON + timedelta(hours=1)
    assert [w.field for w in refused(said(at), at - CLOCKS_DIFFER - timedelta(seconds=1))] == ["visited_at"]
    assert [w.field for w in refused(said(at, member_id="nobody"), at - CLOCKS_DIFFER)] == ["member_id"]


def test_a_visit_may_be_before_the_round_by_as_much_as_clocks_differ() -> None:
    assert visited(said(ROUND.planned_at - CLOCKS_DIFFER)).on_time
    early = refused(said(ROUND.planned_at - CLOCKS_DIFFER - timedelta(seconds=1)))
    assert [w.field for w in early] == ["visited_at"]


def test_an_area_may_be_of_the_level_that_is_visited_and_not_below_it() -> None:
    assert what_is_wrong(replace(PLAN, areas=(FIRST,)), STREET, NOON) == []
    wrong = what_is_wrong(replace(PLAN, areas=(FIRST,), level=Level.GRID), STREET, NOON)
    assert [w.field for w in wrong] == ["level"]


def test_a_round_in_which_everybody_has_a_task_has_none_unassigned() -> None:
    [first, *_] = facts_of(ROUND, [Task(FIRST, "M1"), Task(SECOND, "M2")], NOON)
    assert isinstance(first, PatrolPlanned)
    assert (first.tasks, first.unassigned) == (2, 0)


def test_nobody_is_told_of_a_task_whose_time_is_over_at_this_instant() -> None:
    tasks = [Task(FIRST, "M1")]
    over = list(facts_of(ROUND, tasks, ROUND.visit_by))
    before = list(facts_of(ROUND, tasks, ROUND.visit_by - timedelta(seconds=1)))
    assert [isinstance(fact, PatrolAssigned) for fact in over] == [False]
    assert [isinstance(fact, PatrolAssigned) for fact in before] == [False, True]


def test_who_serves_the_whole_street_is_near_to_it_and_not_to_every_unit() -> None:
    assert [t.member_id for t in assign([ROOT], (), WITH_DESK)] == ["M9"]
    alone = replace(STREET, members={"M9": STREET_DESK})
    assert [t.member_id for t in assign([FIRST, ROOT], (), alone)] == ["M9", "M9"]
    elsewhere = replace(STREET, members={"M4": STREET.members["M4"]})
    assert [t.member_id for t in assign([ROOT], (), elsewhere)] == [None]


def test_a_campaign_that_ends_at_the_instant_it_begins_is_told_what_is_wrong_with_that() -> None:
    begins_at = NOON + timedelta(days=1)
    [wrong] = what_is_wrong(replace(PLAN, begins_at=begins_at, ends_at=begins_at), STREET, NOON)
    assert (wrong.field, wrong.wrong.en) == ("ends_at", "it must be later than begins_at")
    assert what_is_wrong(replace(PLAN, begins_at=begins_at, ends_at=begins_at + timedelta(days=3)), STREET, NOON) == []


@pytest.mark.parametrize(("more", "wrong"), [(0, []), (1, ["recurrence"])])
def test_a_campaign_has_as_many_rounds_a_day_as_there_may_be_and_not_one_more(more: int, wrong: list[str]) -> None:
    minutes = ",".join(str(minute) for minute in range(ROUNDS_A_DAY_AT_MOST + more))
    plan = replace(PLAN, recurrence=f"FREQ=DAILY;BYHOUR=9;BYMINUTE={minutes}")
    assert [w.field for w in what_is_wrong(plan, STREET, NOON)] == wrong


def test_a_round_may_be_as_short_and_as_long_as_the_limits_say() -> None:
    assert (timedelta(minutes=10), timedelta(days=31)) == (SHORTEST_WINDOW, LONGEST_WINDOW)
    for window, fits in (
        (SHORTEST_WINDOW, True),
        (LONGEST_WINDOW, True),
        (SHORTEST_WINDOW - timedelta(seconds=1), False),
        (LONGEST_WINDOW + timedelta(seconds=1), False),
    ):
        wrong = [w for w in what_is_wrong(replace(PLAN, window=window), STREET, NOON) if w.field == "window_minutes"]
        assert (wrong == []) == fits


def test_rounds_begin_at_the_full_minute() -> None:
    begins_at = NOON + timedelta(days=1, seconds=40, microseconds=7)
    [first] = next_occurrences("FREQ=DAILY;BYHOUR=9;BYMINUTE=30", begins_at, None, (), begins_at, 1)
    assert (first.minute, first.second, first.microsecond) == (30, 0, 0)


def test_a_recurrence_is_one_rule_and_no_set_of_rules_and_dates() -> None:
    several = "FREQ=DAILY;BYHOUR=9\nRDATE:20260105T090000"
    with pytest.raises(NoRecurrence):
        checked(several, PLAN.begins_at)


def test_an_item_of_a_checklist_is_required_and_needs_no_photo_where_nothing_else_is_said() -> None:
    assert Item("灭火器", AnswerKind.YES_NO) == Item("灭火器", AnswerKind.YES_NO, required=True, photo=False)


def test_a_level_of_which_an_area_has_no_unit_is_refused() -> None:
    [wrong] = what_is_wrong(replace(PLAN, areas=(f"{ROOT}203",)), STREET, NOON)
    assert (wrong.field, wrong.wrong.en) == ("level", f"there is no micro_grid in {ROOT}203")


@pytest.mark.parametrize("state", PatrolState)
def test_what_no_task_is_counts_nothing(state: PatrolState) -> None:
    [unit] = roll_up([(NOON.date(), FIRST, state, 2)], STREET, ROOT, Level.MICRO_GRID)
    counted = (unit.visited, unit.late, unit.missed, unit.open)
    assert (unit.planned, sum(counted), sorted(counted)) == (2, 2, [0, 0, 0, 2])


@pytest.mark.parametrize("category", [None, "11001"])
def test_a_finding_of_the_campaigns_or_of_a_listed_category_is_taken(category: str | None) -> None:
    assert visited(said(findings=(VisitFound("堵塞", category),))).said.findings


def test_what_lies_below_a_unit_and_outside_of_its_border_is_in_the_unit_and_not_near_it_from_outside() -> None:
    """Borders of a roster may disagree by some metres: the lowest unit says where a point is."""
    village = f"{ROOT}201"
    bordered = replace(STREET, units=GridTree.of(UNITS, {**BORDERS, village: shapely.box(119, 36, 119.015, 36.01)}))
    within, beyond = (119.018, 36.005), (119.018, 36.0101)
    [inside] = metres_off([(village, within)], bordered)
    [outside] = metres_off([(village, beyond)], bordered)
    assert inside == 0
    assert outside is not None
    assert outside > 200
