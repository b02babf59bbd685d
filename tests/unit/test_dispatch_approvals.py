"""What a handler asks of the organisation above, and what follows: decided from values only."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from libs.chassis.db.ids import new_id
from libs.contracts.dispatch import (
    AppealUpheld,
    ApprovalAsked,
    ApprovalKind,
    ApprovalRefused,
    OrderChecked,
    OrderExtended,
    OrderResumed,
    OrderSupervised,
    OrderSuspended,
)
from services.dispatch.approvals import domain as approval
from services.dispatch.approvals.domain import ApprovalRequest, ApprovalResult
from services.dispatch.calendar.domain import Light
from services.dispatch.orders.domain import escalation, suspension, work
from services.dispatch.orders.domain.order import Refusal, State
from tests.support.approvals import MONDAY, REASON, TUESDAY, asked, granted, local_time
from tests.support.orders import changed, claimed, handled, new_order
from tests.support.small_street import STREET

M1, M2, M5 = (STREET.members[m] for m in ("M1", "M2", "M5"))
"""M1 and M2 are of the micro-grid, M5 of the community above its parent."""

EXTENSION, SUSPENSION, APPEAL = ApprovalKind


def test_what_is_asked_goes_to_the_organisation_above() -> None:
    pending = asked(claimed(), EXTENSION)
    assert isinstance(pending, ApprovalResult)
    [fact] = pending.changed.facts
    assert isinstance(fact, ApprovalAsked)
    assert fact.decided_by_org == pending.approval.org_id == STREET.units["370784004201"].org_id
    assert pending.changed.order.handle_by == claimed().handle_by


def test_asking_again_while_it_is_undecided_is_the_same_request() -> None:
    pending = asked(claimed(), EXTENSION)
    assert isinstance(pending, ApprovalResult)
    again = asked(claimed(), EXTENSION, earlier=(pending.approval,))
    assert isinstance(again, ApprovalResult)
    assert (again.approval, again.changed.facts) == (pending.approval, ())


def test_an_extension_moves_the_deadlines_by_working_time() -> None:
    before = claimed()
    answered = granted(before, EXTENSION, amount=2)
    after, [fact] = answered.changed.order, answered.changed.facts
    assert isinstance(fact, OrderExtended)
    assert (before.handle_by, after.handle_by) == (local_time("2026-11-26 09:00"), local_time("2026-11-30 09:00"))
    assert after.check_by == local_time("2026-12-01 09:00")
    assert (fact.times, fact.handle_by, fact.check_by) == (1, after.handle_by, after.check_by)


def test_an_order_is_extended_twice_at_most() -> None:
    order = claimed()
    for _ in range(2):
        order = granted(order, EXTENSION).changed.order
    refused = asked(order, EXTENSION)
    assert isinstance(refused, Refusal)
    assert "2 times" in refused.reason.en


def test_what_is_overdue_is_not_extended() -> None:
    refused = asked(claimed(), EXTENSION, now=local_time("2026-11-27 15:00"))
    assert isinstance(refused, Refusal)
    assert "overdue" in refused.reason.en


def test_an_extension_is_no_longer_than_the_order_had_at_first() -> None:
    assert isinstance(asked(claimed(), EXTENSION, amount=3), Refusal)
    assert isinstance(asked(claimed(), EXTENSION, amount=0), Refusal)


def test_a_suspended_clock_stands_still_and_goes_on_with_what_was_left() -> None:
    answered = granted(claimed(), SUSPENSION, amount=30)
    suspended, [fact] = answered.changed.order, answered.changed.facts
    assert isinstance(fact, OrderSuspended)
    assert (suspended.state, suspended.running, suspended.due_at()) == (State.SUSPENDED, None, fact.until)
    # On Tuesday at three, ten working hours were left.
    resumed = changed(suspension.resume(suspended, M1, STREET, local_time("2026-12-14 08:30")))
    [went_on] = resumed.facts
    assert isinstance(went_on, OrderResumed)
    assert resumed.order.state is State.HANDLING
    assert resumed.order.handle_by == went_on.handle_by == local_time("2026-12-15 11:30")
    assert resumed.order.check_by == local_time("2026-12-16 11:30")


def test_what_was_spent_before_a_suspension_counts_for_amber() -> None:
    # Claimed on Monday at one, until Thursday at nine.
    before = claimed().running
    assert before is not None
    assert STREET.calendar.elapsed(before.began_at, before.due_at, before.unit) == timedelta(hours=18)
    order = granted(claimed(), SUSPENSION, amount=30, now=MONDAY).changed.order
    resumed = changed(suspension.resume(order, M1, STREET, local_time("2026-12-14 14:00"))).order.running
    assert resumed is not None
    assert resumed.spent == timedelta(hours=1)
    left = STREET.calendar.elapsed(resumed.began_at, resumed.amber_at(STREET.calendar), resumed.unit)
    assert left == timedelta(hours=18) * 0.8 - timedelta(hours=1)


def test_a_suspension_ends_by_itself() -> None:
    order = granted(claimed(), SUSPENSION, amount=30).changed.order
    assert order.suspended_until is not None
    resumed = suspension.time_up(order, STREET, order.suspended_until)
    assert resumed.order.state is State.HANDLING
    assert [type(f) for f in resumed.facts] == [OrderResumed]


def test_an_order_is_suspended_once() -> None:
    order = granted(claimed(), SUSPENSION).changed.order
    order = changed(suspension.resume(order, M1, STREET, TUESDAY)).order
    assert isinstance(asked(order, SUSPENSION), Refusal)


def test_what_was_overdue_when_it_was_suspended_is_overdue_after() -> None:
    late = local_time("2026-11-27 15:00")
    order = granted(claimed(), SUSPENSION, now=late).changed.order
    resumed = changed(suspension.resume(order, M1, STREET, late + timedelta(hours=1))).order
    assert resumed.handle_by == claimed().handle_by
    running = resumed.running
    assert running is not None
    assert running.light(STREET.calendar, late + timedelta(hours=1)) is Light.RED


def test_a_suspended_order_cannot_be_handed_in_and_says_what_can_be_done() -> None:
    order = granted(claimed(), SUSPENSION).changed.order
    refused = work.hand_in(order, M1, "done", 1, STREET, TUESDAY)
    assert isinstance(refused, Refusal)
    assert [t.move for t in refused.allowed] == ["resume", "appeal", "supervise"]


def test_an_upheld_appeal_takes_the_order_out_of_the_kpis_and_its_check_says_so() -> None:
    answered = granted(handled(), APPEAL)
    assert not answered.changed.order.in_kpis
    [fact] = answered.changed.facts
    assert isinstance(fact, AppealUpheld)
    [check] = changed(work.check(answered.changed.order, M2, True, STREET, TUESDAY)).facts
    assert isinstance(check, OrderChecked)
    assert not check.in_kpis


def test_an_appeal_is_decided_once() -> None:
    answered = granted(handled(), APPEAL)
    refused = asked(answered.changed.order, APPEAL, earlier=(answered.approval,))
    assert isinstance(refused, Refusal)


def test_only_the_handler_asks() -> None:
    wish = ApprovalRequest(EXTENSION, REASON[EXTENSION], "等待材料", 1)
    assert isinstance(approval.ask(claimed(), M2, wish, (), new_id(), STREET, TUESDAY), Refusal)
    assert isinstance(approval.ask(new_order(), M1, wish, (), new_id(), STREET, TUESDAY), Refusal)


@pytest.mark.parametrize("kind", list(ApprovalKind))
def test_a_reason_is_from_the_list_of_its_kind_and_explained(kind: ApprovalKind) -> None:
    for wish in (ApprovalRequest(kind, "because", "等待材料", 1), ApprovalRequest(kind, REASON[kind], " ", 1)):
        assert isinstance(approval.ask(claimed(), M1, wish, (), new_id(), STREET, TUESDAY), Refusal)


def test_only_an_organisation_above_decides_and_a_refusal_says_why() -> None:
    pending = asked(claimed(), EXTENSION)
    assert isinstance(pending, ApprovalResult)
    order, wanted = pending.changed.order, pending.approval
    for member, approve in ((M1, True), (M2, True), (None, True), (M5, False)):
        assert isinstance(approval.decide(order, wanted, member, approve, " ", STREET, TUESDAY), Refusal)
    answered = approval.decide(order, wanted, M5, False, "材料已到", STREET, TUESDAY)
    assert isinstance(answered, ApprovalResult)
    [fact] = answered.changed.facts
    assert isinstance(fact, ApprovalRefused)
    assert fact.answer == "材料已到"
    assert answered.changed.order.handle_by == order.handle_by


def test_what_is_decided_is_not_decided_otherwise() -> None:
    answered = granted(claimed(), EXTENSION)
    order = answered.changed.order
    again = approval.decide(order, answered.approval, M5, True, "", STREET, TUESDAY)
    assert isinstance(again, ApprovalResult)
    assert again.changed.facts == ()
    assert isinstance(approval.decide(order, answered.approval, M5, False, "不行", STREET, TUESDAY), Refusal)


def test_what_somebody_asked_who_has_given_it_back_is_not_granted() -> None:
    pending = asked(claimed(), EXTENSION)
    assert isinstance(pending, ApprovalResult)
    other = replace(pending.changed.order, member_id="M2")
    assert isinstance(approval.decide(other, pending.approval, M5, True, "", STREET, TUESDAY), Refusal)


def test_a_higher_level_supervises_and_those_whose_turn_it_is_hear_what_it_wants() -> None:
    [fact] = changed(escalation.supervise(new_order(), M5, "请抓紧", STREET, TUESDAY)).facts
    assert isinstance(fact, OrderSupervised)
    assert (fact.member_ids, fact.note) == (("M1", "M2", "M3"), "请抓紧")
    assert isinstance(escalation.supervise(new_order(), M2, "请抓紧", STREET, TUESDAY), Refusal)
    assert isinstance(escalation.supervise(new_order(), M5, " ", STREET, TUESDAY), Refusal)


def test_a_suspension_lasts_ninety_days_at_most_and_ends_so_many_days_later() -> None:
    until = granted(claimed(), SUSPENSION, amount=90).changed.order.suspended_until
    assert until == TUESDAY + timedelta(days=90)
    refused = asked(claimed(), SUSPENSION, amount=91)
    assert isinstance(refused, Refusal)
    assert "1 to 90 days" in refused.reason.en


def test_what_was_handed_in_meanwhile_is_not_extended() -> None:
    pending = asked(claimed(), EXTENSION)
    assert isinstance(pending, ApprovalResult)
    done = changed(work.hand_in(pending.changed.order, M1, "好了", 0, STREET, TUESDAY)).order
    refused = approval.decide(done, pending.approval, M5, True, "", STREET, TUESDAY)
    assert isinstance(refused, Refusal)
    assert "the order is handled: extend is not possible now" in refused.reason.en


def test_a_suspension_is_counted_once() -> None:
    assert granted(claimed(), SUSPENSION).changed.order.suspended_times == 1
