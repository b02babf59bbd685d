"""What holds exactly at a limit, at the top of the tree and the second time: decided from values only."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import shapely

from libs.chassis.db.ids import new_id
from libs.contracts.dispatch import (
    ApprovalKind,
    CancelCause,
    DeadlineNear,
    EscalationCause,
    OrderChecked,
    OrderHandled,
    OrderOverdue,
    PatrolAssigned,
    PatrolPlanned,
    RaiseReason,
)
from libs.contracts.values import Level
from services.dispatch.approvals import domain as approval
from services.dispatch.approvals.domain import SUSPENDED_DAYS_AT_MOST, Approval, ApprovalRequest, ApprovalResult
from services.dispatch.calendar.domain import Clock, Clocks, TimeUnit
from services.dispatch.campaigns.domain.campaign import AnswerKind, Item, what_is_wrong
from services.dispatch.campaigns.domain.recurrence import ROUNDS_A_DAY_AT_MOST, NoRecurrence, checked
from services.dispatch.coverage.domain import roll_up
from services.dispatch.grid.domain.borders import METRES_PER_DEGREE, NEAREST_METRES, Borders
from services.dispatch.grid.domain.gazetteer import Ambiguous, Found, Gazetteer, NamedPlace
from services.dispatch.grid.domain.tree import GridTree, Packed, as_array, pack
from services.dispatch.inspections.domain import choosing as sending
from services.dispatch.orders.domain import escalation, offering, suspension, work
from services.dispatch.orders.domain.offering import (
    CANDIDATES_AT_MOST,
    DESK_CLOCKS,
    NewCase,
    candidates,
    plan_offer,
    who_may_be_asked,
)
from services.dispatch.orders.domain.order import Order, Refusal, State
from services.dispatch.patrols.domain.patrol import State as PatrolState
from services.dispatch.patrols.domain.patrol import Task, assign, facts_of
from services.dispatch.patrols.domain.visit import CLOCKS_DIFFER
from services.dispatch.patrols.domain.visit import Found as VisitFound
from services.dispatch.routing.domain import RoutingRequest, route_all
from services.dispatch.street.domain.responsibility import Condition
from services.dispatch.workload.domain import Workload
from tests.support.approvals import REASON, TUESDAY, asked, granted
from tests.support.campaigns import PLAN
from tests.support.orders import LATER, M1, M2, PLACE, changed, claimed, handled, new_order
from tests.support.small_street import BORDERS, ROOT, STREET, UNITS, routed
from tests.support.stage import NOON
from tests.support.visits import FIRST, ROUND, SECOND, refused, said, visited

FREE = Workload()
EXTENSION, SUSPENSION, APPEAL = ApprovalKind
STREET_DESK = replace(M1, member_id="M9", unit=ROOT, org_id=f"P{ROOT}")
WITH_DESK = replace(STREET, members={**STREET.members, "M9": STREET_DESK})


def at_the_street(order: Order) -> Order:
    return replace(order, unit=ROOT, level=Level.STREET, org_id=f"P{ROOT}")


def cancelled() -> Order:
    return changed(work.cancel(new_order(), CancelCause.VOIDED, LATER)).order


def test_who_starts_or_hands_in_again_is_told_the_same_and_nothing_follows() -> None:
    started = changed(work.start(claimed(), M1, LATER))
    assert started.facts
    again = changed(work.start(started.order, M1, LATER))
    assert (again.order, again.facts) == (started.order, ())
    again = changed(work.hand_in(handled(), M1, "done", 0, LATER))
    assert (again.order.state, again.facts) == (State.HANDLED, ())


def test_who_does_not_have_the_order_neither_starts_it_nor_is_taken_to_have() -> None:
    started = changed(work.start(claimed(), M1, LATER)).order
    for member in (M2, None):
        assert isinstance(work.start(claimed(), member, LATER), Refusal)
        assert isinstance(work.start(started, member, LATER), Refusal)
        assert isinstance(work.hand_in(handled(), member, "done", 0, LATER), Refusal)


def pending(kind: ApprovalKind, by: str = "M1") -> Approval:
    answered = asked(claimed(), kind)
    assert isinstance(answered, ApprovalResult)
    return replace(answered.approval, asked_by=by)


@pytest.mark.parametrize("other", [pending(SUSPENSION), pending(EXTENSION, by="M2")])
def test_another_kind_of_wish_and_another_members_are_not_taken_for_ones_own(other: Approval) -> None:
    answered = asked(claimed(), EXTENSION, earlier=(other,))
    assert isinstance(answered, ApprovalResult)
    assert answered.approval.approval_id != other.approval_id
    assert (answered.approval.kind, answered.approval.asked_by) == (EXTENSION, "M1")


@pytest.mark.parametrize(
    ("days", "fits"), [(0, False), (1, True), (SUSPENDED_DAYS_AT_MOST, True), (SUSPENDED_DAYS_AT_MOST + 1, False)]
)
def test_a_suspension_is_for_one_day_to_the_most_there_may_be(days: int, fits: bool) -> None:
    assert isinstance(asked(claimed(), SUSPENSION, days), ApprovalResult) == fits


def test_an_extension_may_be_as_long_as_the_order_had_at_first_and_until_the_time_is_over() -> None:
    assert isinstance(asked(claimed(), EXTENSION, claimed().clocks.handle.amount), ApprovalResult)
    assert isinstance(asked(claimed(), EXTENSION, now=claimed().handle_by), ApprovalResult)


def test_an_appeal_that_waits_is_no_appeal_that_was_decided() -> None:
    other = replace(pending(EXTENSION), kind=APPEAL, asked_by="M2")
    assert isinstance(asked(claimed(), APPEAL, earlier=(other,)), ApprovalResult)
    assert isinstance(asked(claimed(), APPEAL, earlier=(replace(other, state=approval.State.REFUSED),)), Refusal)
    elsewhere = replace(other, kind=EXTENSION, state=approval.State.REFUSED)
    assert isinstance(asked(claimed(), APPEAL, earlier=(elsewhere,)), ApprovalResult)


def test_at_the_street_it_decides_itself_what_is_asked() -> None:
    wish = ApprovalRequest(EXTENSION, REASON[EXTENSION], "等待材料", 1)
    answered = approval.ask(at_the_street(claimed()), M1, wish, (), new_id(), STREET, TUESDAY)
    assert isinstance(answered, ApprovalResult)
    assert (answered.approval.unit, answered.approval.org_id) == (ROOT, f"P{ROOT}")


def test_who_goes_on_again_is_told_the_same_and_only_they_go_on() -> None:
    suspended = granted(claimed(), SUSPENSION).changed.order
    for member in (M2, None):
        assert isinstance(suspension.resume(suspended, member, STREET, TUESDAY), Refusal)
    resumed = changed(suspension.resume(suspended, M1, STREET, TUESDAY)).order
    again = changed(suspension.resume(resumed, M1, STREET, TUESDAY))
    assert (again.order, again.facts) == (resumed, ())
    assert isinstance(suspension.resume(claimed(), M1, STREET, TUESDAY), Refusal)


def test_the_end_of_a_suspension_that_is_over_changes_nothing() -> None:
    order = claimed()
    ended = suspension.time_up(order, STREET, TUESDAY)
    assert (ended.order, ended.facts) == (order, ())


def test_above_the_street_there_is_no_level_and_nothing_is_told() -> None:
    order = at_the_street(new_order())
    up = escalation.escalate(order, EscalationCause.OVERDUE, STREET, FREE, LATER)
    assert (up.order, up.facts) == (order, ())
    raised = escalation.raise_by_hand(order, STREET_DESK, RaiseReason.BEYOND_MEANS, WITH_DESK, FREE, LATER)
    assert isinstance(raised, Refusal)
    assert "highest level" in raised.reason


def test_what_is_over_is_neither_warned_of_nor_overdue_nor_moved() -> None:
    order = cancelled()
    for after in (escalation.warn(order, LATER), escalation.lapse(order, STREET, FREE, LATER)):
        assert (after.order, after.facts) == (order, ())
    lead = STREET.members["M5"]
    for decision in (
        escalation.raise_by_hand(order, lead, RaiseReason.BEYOND_MEANS, STREET, FREE, LATER),
        escalation.send_down(order, lead, FIRST, "nearer", STREET, FREE, LATER),
        escalation.supervise(order, lead, "now", STREET, LATER),
        work.assign(order, lead, M2, "nearer", STREET, FREE, LATER),
    ):
        assert isinstance(decision, Refusal)


def test_a_category_without_a_row_has_the_clocks_of_the_desk() -> None:
    case = NewCase(new_id(), "20261123-000001", "99999", "其他", "其他", None, PLACE)
    order = offering.dispatch(new_id(), case, routed("99999", point=(119.005, 36.005)), STREET, FREE, NOON).order
    hours, two_days, day = (Clock(4, TimeUnit.WORK_HOUR), Clock(2, TimeUnit.WORK_DAY), Clock(1, TimeUnit.WORK_DAY))
    assert order.clocks == DESK_CLOCKS == Clocks(claim=hours, handle=two_days, check=day)
    assert (order.evidence, order.points, order.responsibility_version, order.skills) == ("note", 0, None, frozenset())


@pytest.mark.parametrize(
    ("category", "loads", "because"),
    [
        ("11001", FREE, "3 hear of it first: the nearest; not 2 further away"),
        ("11002", FREE, "1 hear of it first: the nearest with plumber; not 4 without the skill"),
        ("11001", Workload({"M1": 2}, absent=["M2"]), "the nearest; not 1 absent, 1 at their workload limit"),
        ("11002", Workload({"M3": 2}), "1 hear of it first: the nearest with plumber, all of them at their workload"),
    ],
)
def test_the_explanation_counts_who_was_passed_over_and_why(category: str, loads: Workload, because: str) -> None:
    said = plan_offer(routed(category, point=(119.005, 36.005)), STREET, loads).because
    assert because in said


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


def test_a_check_whose_time_is_over_at_this_instant_has_the_time_that_a_check_has() -> None:
    order = handled()
    at_the_end = sending.ask_to_check(new_id(), order, None, STREET, FREE, order.check_by)
    assert at_the_end.inspection.due_at > order.check_by
    just_before = sending.ask_to_check(new_id(), order, None, STREET, FREE, order.check_by - timedelta(seconds=1))
    assert just_before.inspection.due_at == order.check_by


def test_who_serves_one_level_up_may_be_asked_though_many_are_nearer_and_nobody_two_levels_up() -> None:
    many = {f"N{n}": replace(M1, member_id=f"N{n}") for n in range(CANDIDATES_AT_MOST + 1)}
    grid = {f"G{n}": replace(M1, member_id=f"G{n}", unit=f"{ROOT}201") for n in range(CANDIDATES_AT_MOST)}
    lead = STREET.members["M5"]
    crowded = replace(STREET, members={**many, **grid, lead.member_id: lead})
    assert len(candidates(FIRST, frozenset(), crowded)) == 40
    asked_too = who_may_be_asked(FIRST, frozenset(), crowded)
    assert asked_too & grid.keys()
    assert lead.member_id not in asked_too


def test_near_to_the_street_itself_are_only_those_who_are_posted_there() -> None:
    assert WITH_DESK.candidates.near(ROOT, frozenset(), CANDIDATES_AT_MOST).members == ("M9",)


def test_a_campaign_that_ends_at_the_instant_it_begins_is_told_what_is_wrong_with_that() -> None:
    begins_at = NOON + timedelta(days=1)
    [wrong] = what_is_wrong(replace(PLAN, begins_at=begins_at, ends_at=begins_at), STREET, NOON)
    assert (wrong.field, wrong.wrong) == ("ends_at", "it must be later than begins_at")
    assert what_is_wrong(replace(PLAN, begins_at=begins_at, ends_at=begins_at + timedelta(days=3)), STREET, NOON) == []


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


def test_what_happens_at_the_same_instant_is_told_a_microsecond_after_what_was_before() -> None:
    order = claimed()
    assert order.next_moment(order.moved_at) == order.moved_at + timedelta(microseconds=1)
    assert order.next_moment(order.moved_at + timedelta(seconds=1)) == order.moved_at + timedelta(seconds=1)


@pytest.mark.parametrize(("more", "wrong"), [(0, []), (1, ["recurrence"])])
def test_a_campaign_has_as_many_rounds_a_day_as_there_may_be_and_not_one_more(more: int, wrong: list[str]) -> None:
    minutes = ",".join(str(minute) for minute in range(ROUNDS_A_DAY_AT_MOST + more))
    plan = replace(PLAN, recurrence=f"FREQ=DAILY;BYHOUR=9;BYMINUTE={minutes}")
    assert [w.field for w in what_is_wrong(plan, STREET, NOON)] == wrong


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


def test_a_recurrence_is_one_rule_and_no_set_of_rules_and_dates() -> None:
    several = "FREQ=DAILY;BYHOUR=9\nRDATE:20260105T090000"
    with pytest.raises(NoRecurrence):
        checked(several, PLAN.begins_at)


@pytest.mark.parametrize(
    ("ended", "percent"),
    [({Level.GRID: 4}, "100.00"), ({Level.GRID: 2, Level.STREET: 1}, "66.67"), ({Level.STREET: 3}, "0.00"), ({}, None)],
)
def test_what_did_not_end_at_the_street_ended_within_a_community(ended: dict[Level, int], percent: str | None) -> None:
    assert escalation.within_community(ended) == percent


def test_where_nobody_has_the_skill_the_explanation_says_so_and_anybody_is_asked() -> None:
    without = replace(STREET, members={m: member for m, member in STREET.members.items() if m != "M3"})
    [unskilled] = route_all([RoutingRequest("11002", PLACE, NOON)], without)
    assert "the nearest, nobody has plumber" in plan_offer(unskilled, without, FREE).because


def test_a_warning_tells_the_people_that_are_named_and_else_those_who_have_the_order() -> None:
    for people, told in ((None, ("M1", "M2", "M3")), (("M5",), ("M5",)), ((), ())):
        [fact] = escalation.warn(new_order(), LATER, people).facts
        assert isinstance(fact, DeadlineNear)
        assert fact.member_ids == told
        [overdue, *_] = escalation.lapse(new_order(), STREET, FREE, LATER, people).facts
        assert isinstance(overdue, OrderOverdue)
        assert overdue.member_ids == told


def test_an_item_of_a_checklist_is_required_and_needs_no_photo_where_nothing_else_is_said() -> None:
    assert Item("灭火器", AnswerKind.YES_NO) == Item("灭火器", AnswerKind.YES_NO, required=True, photo=False)


def test_only_who_has_the_order_gives_it_back() -> None:
    for member in (M2, None):
        assert isinstance(work.give_back(claimed(), member, "a crane is needed", STREET, FREE, LATER), Refusal)


def test_a_level_of_which_an_area_has_no_unit_is_refused() -> None:
    [wrong] = what_is_wrong(replace(PLAN, areas=(f"{ROOT}203",)), STREET, NOON)
    assert (wrong.field, wrong.wrong) == ("level", f"there is no micro_grid in {ROOT}203")


@pytest.mark.parametrize("state", PatrolState)
def test_what_no_task_is_counts_nothing(state: PatrolState) -> None:
    [unit] = roll_up([(NOON.date(), FIRST, state, 2)], STREET, ROOT, Level.MICRO_GRID)
    counted = (unit.visited, unit.late, unit.missed, unit.open)
    assert (unit.planned, sum(counted), sorted(counted)) == (2, 2, [0, 0, 0, 2])


@pytest.mark.parametrize("category", [None, "11001"])
def test_a_finding_of_the_campaigns_or_of_a_listed_category_is_taken(category: str | None) -> None:
    assert visited(said(findings=(VisitFound("堵塞", category),))).said.findings


def test_only_a_former_name_is_called_one() -> None:
    shop = replace(place("红旗饭店", unit=f"{ROOT}203"), former_names=("青石村",))
    for name, called in (("青石村", True), ("红旗饭店", False)):
        found = gazetteer(shop).find(name)
        assert isinstance(found, Found)
        assert ("a former name of 红旗饭店" in found.because) == called


@pytest.mark.parametrize(("late", "on_time"), [(timedelta(0), True), (timedelta(microseconds=1), False)])
def test_what_is_handed_in_at_its_deadline_is_on_time(late: timedelta, on_time: bool) -> None:
    order = claimed()
    done = changed(work.hand_in(order, M1, "done", 0, order.handle_by + late))
    [handed_in] = done.facts
    assert isinstance(handed_in, OrderHandled)
    [looked_at] = changed(work.check(done.order, M2, True, STREET, order.handle_by + timedelta(hours=1))).facts
    assert isinstance(looked_at, OrderChecked)
    assert (handed_in.on_time, looked_at.on_time) == (on_time, on_time)
