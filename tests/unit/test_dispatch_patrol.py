"""Rounds of a campaign and visits: who goes where, how a visit counts, and what coverage is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from libs.chassis.db.ids import new_id
from libs.contracts.dispatch import PatrolAssigned, PatrolPlanned
from libs.contracts.incident import Receipt
from libs.contracts.problem import Problem
from libs.contracts.values import Level, MemberKind
from services.dispatch.campaigns.domain.campaign import AnswerKind, Item
from services.dispatch.coverage.domain import level_below, roll_up
from services.dispatch.findings.domain import DELAYS, AskAgain, NotACase, Reported, next_outcome
from services.dispatch.patrols.domain.patrol import State, Task, assign, facts_of, missed
from services.dispatch.patrols.domain.visit import Answer, Found, fingerprint, metres_off, wrong_answers
from services.dispatch.street.domain.street import Street
from tests.support.small_street import ROOT, STREET
from tests.support.stage import NOON
from tests.support.visits import FIRST, ROUND, SECOND, TASKS, THIRD, refused, said, visited


def test_each_unit_has_a_task_and_its_nearest_member() -> None:
    assert [(t.unit, t.member_id) for t in TASKS] == [(FIRST, "M1"), (SECOND, "M3"), (THIRD, "M4")]
    assert ROUND.visit_by == NOON + timedelta(hours=10)


def test_where_several_are_near_the_one_with_the_fewest_tasks_goes() -> None:
    volunteers = assign([FIRST, f"{ROOT}201", FIRST], (), STREET)
    assert [t.member_id for t in volunteers] == ["M1", "M2", "M1"]


def test_who_is_absent_is_passed_over_for_the_next_nearest() -> None:
    assert [t.member_id for t in assign([FIRST], (), STREET, frozenset({"M1"}))] == ["M2"]
    assert [t.member_id for t in assign([FIRST], (), STREET, frozenset({"M1", "M2"}))] == ["M3"]


def test_only_members_of_the_wanted_kinds_go_and_a_unit_may_have_nobody() -> None:
    worker = replace(STREET.members["M5"], kind=MemberKind.FULL_TIME)
    street = Street(ROOT, STREET.units, {**STREET.members, "M5": worker}, STREET.responsibilities)
    assert {t.member_id for t in assign([FIRST, THIRD], (MemberKind.FULL_TIME,), street)} == {"M5"}
    assert {t.member_id for t in assign([FIRST, THIRD], (MemberKind.LEAD,), street)} == {None}


def test_a_round_is_told_once_and_members_with_as_many_tasks_are_told_together() -> None:
    tasks = [Task(FIRST, "M1"), Task(SECOND, "M2"), Task(THIRD, "M2"), Task(f"{ROOT}201", "M3"), Task(ROOT, None)]
    told = list(facts_of(ROUND, tasks, NOON))
    assert isinstance(told[0], PatrolPlanned)
    assert (told[0].tasks, told[0].unassigned) == (5, 1)
    assigned = [(fact.tasks, fact.member_ids) for fact in told if isinstance(fact, PatrolAssigned)]
    assert assigned == [(1, ("M1", "M3")), (2, ("M2",))]


def test_nobody_hears_of_tasks_whose_time_is_over_already() -> None:
    told = list(facts_of(ROUND, TASKS, ROUND.visit_by))
    assert [type(fact) for fact in told] == [PatrolPlanned]


def test_what_was_missed_is_told_together_for_the_unit_above() -> None:
    told = list(missed(ROUND, [THIRD, FIRST, SECOND], STREET))
    assert [(fact.unit, fact.missed, fact.count) for fact in told] == [
        (f"{ROOT}201", (FIRST, SECOND), 2),
        (f"{ROOT}202", (THIRD,), 1),
    ]
    assert told[0].missed_orgs == (f"P{FIRST}", f"P{SECOND}")


@pytest.mark.parametrize(
    ("before", "hours", "after"),
    [
        (State.PLANNED, 1, State.VISITED),
        (State.PLANNED, 11, State.LATE),
        (State.MISSED, 11, State.LATE),
        (State.MISSED, 1, State.VISITED),
        (State.LATE, 1, State.VISITED),
        (State.VISITED, 11, State.VISITED),
        (State.LATE, 11, State.LATE),
    ],
)
def test_a_visit_counts_by_its_own_time_whenever_it_is_told(before: State, hours: int, after: State) -> None:
    made = visited(said(NOON + timedelta(hours=hours)), before)
    assert made.after(before) is after
    assert made.on_time is (hours == 1)
    assert made.first is (before in (State.PLANNED, State.MISSED))


def test_a_visit_is_in_time_to_the_last_moment() -> None:
    assert visited(said(ROUND.visit_by)).on_time
    assert not visited(said(ROUND.visit_by + timedelta(microseconds=1))).on_time


def test_a_visit_from_elsewhere_is_kept_and_flagged() -> None:
    assert not visited(said(), metres=101).in_place
    assert visited(said(), metres=100).in_place
    assert not visited(said(), metres=None).in_place


def test_a_visit_of_the_future_or_from_before_the_round_is_refused() -> None:
    assert [w.field for w in refused(said(NOON + timedelta(hours=1)), now=NOON)] == ["visited_at"]
    assert [w.wrong.en for w in refused(said(NOON - timedelta(hours=1)))] == ["the round begins at 2026-11-23 12:00"]


def test_only_members_of_the_street_visit() -> None:
    assert [w.field for w in refused(said(member_id="M99"))] == ["member_id"]


def test_a_finding_of_an_unknown_category_is_refused() -> None:
    assert [w.field for w in refused(said(findings=(Found("堵塞", "99999"),)))] == ["findings"]


CHECKLIST = (
    Item("门", AnswerKind.YES_NO),
    Item("人数", AnswerKind.NUMBER, required=False),
    Item("备注", AnswerKind.TEXT, required=False, photo=True),
)


@pytest.mark.parametrize(
    ("answers", "wrong"),
    [
        ((Answer("门", True), Answer("人数", 3), Answer("备注", "好", ("p",))), []),
        ((Answer("门", False), Answer("人数", 2.5)), []),
        ((), ["门 is not answered, and must be, with true or false"]),
        ((Answer("门", "yes"),), ["门 wants true or false"]),
        ((Answer("门", True), Answer("人数", True)), ["人数 wants a number"]),
        ((Answer("门", True), Answer("备注", "好")), ["备注 wants a photo"]),
        ((Answer("门", True), Answer("备注", " ", ("p",))), ["备注 wants some text"]),
        ((Answer("门", True), Answer("窗", True)), ["窗 is no item; the checklist asks for 门, 人数, 备注"]),
        ((Answer("门", True), Answer("门", True)), ["门 is answered 2 times; once is wanted"]),
    ],
)
def test_answers_fit_the_checklist_or_are_refused_by_name(answers: tuple[Answer, ...], wrong: list[str]) -> None:
    assert [w.wrong.en for w in wrong_answers(CHECKLIST, answers)] == wrong


def test_a_visit_is_known_again_by_what_it_says_and_not_by_its_key() -> None:
    assert fingerprint(said()) == fingerprint(said(key="k2"))
    assert fingerprint(said()) != fingerprint(said(answers=()))


def test_the_distance_is_to_the_border_and_zero_inside_of_it() -> None:
    inside, edge, beside = (119.005, 36.005), (119.01, 36.005), (119.0111, 36.005)
    assert metres_off([(FIRST, inside), (FIRST, edge), (SECOND, edge)], STREET) == [0, 0, 0]
    [metres] = metres_off([(FIRST, beside)], STREET)
    assert metres is not None
    assert 90 <= metres <= 100


def test_a_unit_without_a_border_is_where_those_below_it_are() -> None:
    assert metres_off([(f"{ROOT}201", (119.015, 36.005)), (f"{ROOT}203", (119.0, 36.0))], STREET) == [0, None]
    [far] = metres_off([(f"{ROOT}202", (119.015, 36.005))], STREET)
    assert far is not None
    assert far > 400


DAY = NOON.date()
COUNTS = [
    (DAY, FIRST, State.VISITED, 2),
    (DAY, SECOND, State.MISSED, 1),
    (DAY, THIRD, State.LATE, 1),
    (DAY, THIRD, State.PLANNED, 2),
]


def test_coverage_is_visited_of_planned_rolled_up_the_tree() -> None:
    [grid, other] = roll_up(COUNTS, STREET, ROOT, Level.GRID)
    assert (grid.unit, grid.planned, grid.visited, grid.missed, grid.percent) == (f"{ROOT}201", 3, 2, 1, 66.67)
    assert (other.unit, other.planned, other.late, other.open, other.percent) == (f"{ROOT}202", 3, 1, 2, 0.0)
    [street] = roll_up(COUNTS, STREET, ROOT, Level.STREET)
    assert (street.planned, street.percent) == (6, 33.33)


def test_coverage_of_a_part_leaves_the_rest_out() -> None:
    assert [c.unit for c in roll_up(COUNTS, STREET, f"{ROOT}201", Level.MICRO_GRID)] == [FIRST, SECOND]


def test_below_a_street_are_communities_and_below_a_micro_grid_nothing() -> None:
    assert level_below(Level.STREET) is Level.COMMUNITY
    assert level_below(Level.MICRO_GRID) is Level.MICRO_GRID


def problem(status: int) -> bytes:
    return Problem.of(status, "Unknown category", "there is none").model_dump_json().encode()


def test_a_finding_becomes_a_case_or_hears_why_not() -> None:
    receipt = Receipt(case_id=new_id(), case_no="20261123-000001", tracking_code="7ZK3M0Q9XV2BD")
    assert next_outcome(receipt.model_dump_json().encode(), 1) == Reported(receipt.case_id, receipt.case_no)
    assert next_outcome(problem(422), 1) == NotACase("Unknown category: there is none")


@pytest.mark.parametrize("answer", [None, b"", b"{}", problem(503), problem(500)])
def test_without_an_answer_incident_is_asked_again_for_ever(answer: bytes | None) -> None:
    assert next_outcome(answer, 1) == AskAgain(DELAYS[0])
    assert next_outcome(answer, 1000) == AskAgain(DELAYS[-1])


def test_incident_is_asked_again_after_longer_pauses_of_two_minutes_at_most() -> None:
    pauses = [next_outcome(None, attempts) for attempts in (1, 2, 3, 4, 5)]
    assert pauses == [AskAgain(timedelta(seconds=seconds)) for seconds in (1, 5, 30, 120, 120)]
