"""Random paths of an order, legal and illegal: the table says what happens, and what must hold holds all the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from libs.chassis.db.ids import new_id
from libs.contracts.dispatch import ApprovalKind, CancelCause
from services.dispatch.approvals import domain as approval
from services.dispatch.approvals.domain import ORDER_MOVES, REASONS, Approval, ApprovalRequest
from services.dispatch.orders.domain import escalation, offering, suspension, work
from services.dispatch.orders.domain.order import (
    ENDED,
    MOVES,
    STAGE_OF,
    Changed,
    Decision,
    Move,
    Order,
    Refusal,
    State,
    without,
)
from services.dispatch.workload.domain import Workload
from tests.support.orders import new_order
from tests.support.small_street import ROOT, STREET
from tests.support.stage import NOON

ABOVE = STREET.members["M5"]
OTHERS = ("M1", "M2", "M3", "M4")


class Paths(RuleBasedStateMachine):
    """Each rule makes a move that may or may not be possible, by somebody who may or may not make it."""

    def __init__(self) -> None:
        super().__init__()
        self.order: Order = replace(new_order(), may_lie_in=(f"{ROOT}20101", f"{ROOT}20102"))
        self.now: datetime = NOON
        self.approvals: dict[ApprovalKind, list[Approval]] = {kind: [] for kind in ApprovalKind}

    def meet(self, move: Move, decision: Decision, *, repeats: bool = False) -> None:
        """The table allows it and it leads to the target, or the refusal says what is possible."""
        row = MOVES.get(self.order.state, move)
        match decision:
            case Refusal(reason, allowed):
                assert reason.zh
                assert reason.en
                assert allowed == MOVES.allowed(self.order.state, without(self.order))
                # A claim is refused by saying who was first, in whatever state that one is.
                if row is None and move is not Move.CLAIM:
                    assert f"the order is {self.order.state}" in reason.en
            case Changed(after, facts):
                if not facts:
                    assert repeats or row is None
                    assert after == self.order
                    return
                assert row is not None, f"{move} of an order that is {self.order.state}"
                assert after.state is row.leads(self.order.state)
                assert after.handle_by >= self.order.handle_by, "a deadline never comes nearer"
                assert after.moved_at >= self.order.moved_at
                times = [fact.occurred_at for fact in facts]
                assert times == sorted(times)
                self.order = after

    @rule(hours=st.integers(1, 60))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(of=st.sampled_from(OTHERS))
    def claim(self, of: str) -> None:
        self.meet(Move.CLAIM, work.claim(self.order, STREET.members[of], 0, STREET, self.now), repeats=True)

    @rule(of=st.sampled_from(OTHERS), do=st.sampled_from([Move.START, Move.HAND_IN, Move.GIVE_BACK, Move.RESUME]))
    def work_on(self, of: str, do: Move) -> None:
        member = STREET.members[self.order.member_id or of]
        ways: dict[Move, Callable[[], Decision]] = {
            Move.START: lambda: work.start(self.order, member, STREET, self.now),
            Move.HAND_IN: lambda: work.hand_in(self.order, member, "已处置", 1, STREET, self.now),
            Move.GIVE_BACK: lambda: work.give_back(self.order, member, "缺设备", STREET, Workload(), self.now),
            Move.RESUME: lambda: suspension.resume(self.order, member, STREET, self.now),
        }
        self.meet(do, ways[do](), repeats=True)

    @rule(of=st.sampled_from(("M5", "M4")), at=st.integers(0, 2))
    def pass_on(self, of: str, at: int) -> None:
        unit = (f"{ROOT}20101", f"{ROOT}20102", f"{ROOT}20201")[at]
        member = STREET.members[of]
        decided = escalation.pass_on(self.order, member, unit, "在路对面", STREET, Workload(), self.now)
        self.meet(Move.PASS_ON, decided)

    @rule(to=st.sampled_from(OTHERS))
    def assign(self, to: str) -> None:
        decided = work.assign(self.order, ABOVE, STREET.members[to], "离现场最近", STREET, Workload(), self.now)
        self.meet(Move.ASSIGN, decided, repeats=True)

    @rule(of=st.sampled_from(OTHERS), passed=st.booleans(), note=st.sampled_from(["", "灯罩未装"]))
    def check(self, of: str, passed: bool, note: str) -> None:
        move = Move.PASS_CHECK if passed else Move.FAIL_CHECK
        self.meet(
            move, work.check(self.order, STREET.members[of], passed, STREET, self.now, note=note, asked=OTHERS[:3])
        )

    @rule(kind=st.sampled_from(ApprovalKind), amount=st.integers(0, 3))
    def ask(self, kind: ApprovalKind, amount: int) -> None:
        member = STREET.members[self.order.member_id] if self.order.member_id else None
        wish = ApprovalRequest(kind, next(iter(REASONS[kind])), "等待材料", amount)
        earlier = [each for of_kind in self.approvals.values() for each in of_kind]
        answered = approval.ask(self.order, member, wish, earlier, new_id(), STREET, self.now)
        if isinstance(answered, Refusal):
            self.meet(ORDER_MOVES[kind], answered)
            return
        assert MOVES.get(self.order.state, ORDER_MOVES[kind]) is not None
        assert answered.changed.order.state is self.order.state
        self.order = answered.changed.order
        if answered.changed.facts:
            self.approvals[kind].append(answered.approval)

    @precondition(lambda self: any(self.approvals.values()))
    @rule(data=st.data(), approve=st.booleans())
    def decide(self, data: st.DataObject, approve: bool) -> None:
        kind = data.draw(st.sampled_from([k for k, asked in self.approvals.items() if asked]))
        asked = self.approvals[kind][-1]
        answered = approval.decide(self.order, asked, ABOVE, approve, "不属实", STREET, self.now)
        if isinstance(answered, Refusal):
            assert answered.allowed == MOVES.allowed(self.order.state)
            return
        if approve:
            self.meet(ORDER_MOVES[kind], answered.changed, repeats=True)
        else:
            assert answered.changed.order.state is self.order.state
            self.order = answered.changed.order
        self.approvals[kind][-1] = answered.approval

    @rule(what=st.sampled_from([Move.WARN, Move.LAPSE, Move.TIME_UP, Move.SUPERVISE]))
    def push(self, what: Move) -> None:
        ways: dict[Move, Callable[[], Decision]] = {
            Move.WARN: lambda: escalation.warn(self.order, self.now),
            Move.LAPSE: lambda: escalation.lapse(self.order, STREET, Workload(), self.now),
            Move.TIME_UP: lambda: suspension.time_up(self.order, STREET, self.now),
            Move.SUPERVISE: lambda: escalation.supervise(self.order, ABOVE, "请抓紧", STREET, self.now),
        }
        self.meet(what, ways[what]())

    @rule()
    def widen(self) -> None:
        wider = offering.widen(self.order, STREET, Workload(), self.order.next_moment(self.now))
        if wider.facts:
            self.meet(Move.WIDEN, wider)
            return
        assert replace(self.order, reach=wider.order.reach, lease_ends_at=None) == wider.order
        self.order = wider.order

    @rule(late=st.integers(0, 9))
    def cancel(self, late: int) -> None:
        """Seldom: nothing happens after it."""
        if late == 0:
            self.meet(Move.CANCEL, work.cancel(self.order, CancelCause.VOIDED, STREET, self.now))

    @invariant()
    def somebody_has_it_exactly_when_it_is_not_offered(self) -> None:
        if self.order.state is not State.CANCELLED:
            assert (self.order.member_id is None) == (self.order.state is State.OFFERED)
        assert self.order.people

    @invariant()
    def whoever_has_it_is_among_those_who_have_had_it(self) -> None:
        assert {*self.order.given_back_by, *filter(None, [self.order.member_id])} <= {*self.order.held_by}

    @invariant()
    def a_clock_runs_exactly_in_a_stage(self) -> None:
        assert (self.order.running is not None) == (self.order.state in STAGE_OF)
        assert (self.order.suspended_at is not None) == (self.order.state is State.SUSPENDED)
        assert (self.order.due_at() is None) == (self.order.state in ENDED)

    @invariant()
    def the_check_comes_after_the_work(self) -> None:
        assert self.order.handle_by < self.order.check_by
        assert self.order.extended_times <= approval.EXTENDED_AT_MOST
        assert self.order.suspended_times <= approval.SUSPENDED_AT_MOST


TestPaths = Paths.TestCase
TestPaths.settings = settings(max_examples=60, stateful_step_count=40)
