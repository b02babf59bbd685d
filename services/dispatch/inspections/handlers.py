"""Whether reports are true: somebody is sent to look, and says what they found; and the clock of every inspection."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from libs.chassis.db.database import Database
from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Answer, Batch, Done, EventRouter, Refused, not_in_street
from libs.chassis.handling import timers
from libs.contracts.incident import CaseRejected, VerifyAsked
from libs.contracts.message import Event
from libs.transitions import Impossible
from services.dispatch.components.lookup import named_by
from services.dispatch.inspections import inspecting, tables
from services.dispatch.inspections.domain import choosing as sending
from services.dispatch.inspections.domain.inspection import AnswerInspection, Inspected, State, verify
from services.dispatch.inspections.inspecting import InspectionClock
from services.dispatch.orders import tables as order_tables
from services.dispatch.orders.batch import OrderBatch
from services.dispatch.orders.domain import work
from services.dispatch.orders.domain.commands import CheckOrder, HandInOrder
from services.dispatch.orders.domain.offering import ANYBODY
from services.dispatch.orders.domain.order import Decision, Order
from services.dispatch.orders.domain.proposal import Answered
from services.dispatch.orders.domain.question import running_again
from services.dispatch.routing.domain import RoutedTo, RoutingRequest, Unrouted, route_all
from services.dispatch.street import tables as street_tables
from services.dispatch.street.domain.street import Member, Street
from services.dispatch.workload.domain import Workload

router = EventRouter("dispatch")


@router.on(VerifyAsked)
async def send_to_verify(cases: Batch[VerifyAsked], db: Database) -> list[Event]:
    """A case that has an order already was decided about before this was heard of."""
    streets = await street_tables.streets_for(db, {case.tenant for case in cases})
    decided = await order_tables.of_openings(db, {(case.tenant, case.case_id, 0) for case in cases})
    here: defaultdict[str, list[VerifyAsked]] = defaultdict(list)
    for case in cases:
        if case.tenant not in streets:
            cases.postpone(case, f"the street {case.tenant} has no grid tree yet")
        elif (case.tenant, case.case_id, 0) not in decided:
            here[case.tenant].append(case)
    routed: list[tuple[VerifyAsked, RoutedTo | Unrouted]] = []
    for tenant, mine in here.items():
        placed = [case for case, _ in await named_by(db, mine, streets)]
        routed += zip(placed, route_all([_routed(c) for c in placed], streets[tenant]), strict=True)
    places = ((c.tenant, to.unit.code, to.responsibility.skills if to.responsibility else ANYBODY) for c, to in routed)
    loads = await inspecting.loads_near(db, places, streets, cases.now)
    asked: list[Inspected] = []
    for case, to in routed:
        asked.append(sending.ask_to_verify(new_id(), case, to, streets[case.tenant], loads[case.tenant]))
        inspecting.count(asked[-1].inspection, loads)
    return [fact for each in await inspecting.begin(db, asked) for fact in each.facts]


@router.on(CaseRejected)
async def stop_verifying(cases: Batch[CaseRejected], db: Database) -> list[Event]:
    return await inspecting.stop_verifying(db, cases, cases.postpone, cases.now)


@router.answers(AnswerInspection)
async def answer_inspections(commands: Batch[AnswerInspection], db: Database) -> list[Answer]:
    found = await tables.by_id(db, (c.inspection_id for c in commands))
    streets = await street_tables.streets_for(db, {each.tenant for each in found.values()})
    changed: list[Inspected] = []
    answers: list[Answer] = []
    for c in commands:
        asked = found.get(c.inspection_id)
        if asked is None or asked.tenant != c.tenant:
            answers.append(not_in_street(c.tenant, f"现场查看 {c.inspection_id}", f"inspection {c.inspection_id}"))
            continue
        street = streets[asked.tenant]
        member = street.members.get(c.member_id)
        match verify(asked, member, c.true_report, c.note, c.photos, street, commands.now):
            case Impossible(reason, allowed):
                extra = {"state": asked.state, "allowed": [t.shown() for t in allowed]}
                answers.append(Refused(409, "Not possible now", reason, extra))
            case Inspected(after, facts) as answered:
                if facts:
                    changed.append(answered)
                found[c.inspection_id] = after
                answers.append(Done(after, facts))
    await inspecting.record(db, changed)
    return answers


@router.due(InspectionClock)
async def pass_on(clocks: Batch[InspectionClock], db: Database) -> list[Event]:
    """Who has not looked in time is not asked any more."""
    found = await tables.by_id(db, (clock.inspection_id for clock in clocks))
    over = [
        each
        for clock in clocks
        if (each := found.get(clock.inspection_id)) is not None
        and (each.state, each.due_at) == (State.ASSIGNED, clock.due_at)
    ]
    streets = await street_tables.streets_for(db, {each.tenant for each in over})
    loads = await inspecting.loads_near(db, ((i.tenant, i.unit, i.skills) for i in over), streets, clocks.now)
    changed: list[Inspected] = []
    for each in over:
        changed.append(sending.lapse(each, streets[each.tenant], loads[each.tenant], clocks.now))
        inspecting.count(changed[-1].inspection, loads)
    facts = await inspecting.record(db, changed)
    await timers.schedule(db, inspecting.clocks_of(changed))
    return facts


def _routed(case: VerifyAsked) -> RoutingRequest:
    return RoutingRequest(case.category, case.place, case.occurred_at, case.request_kind)


@router.answers(HandInOrder, CheckOrder)
async def hand_in_and_check(commands: Batch[HandInOrder | CheckOrder], db: Database) -> list[Answer]:
    """Somebody is sent to look at what was handed in; checks come after that, should one be of the same batch."""
    hand_ins = [c for c in commands if isinstance(c, HandInOrder)]
    checks = [c for c in commands if isinstance(c, CheckOrder)]
    batch = await OrderBatch.open_for(db, commands)
    handed_in = await _hand_in(db, batch, hand_ins, commands.now)
    checked = await _check(db, batch, checks, commands.now)
    done = {c.order_id: (c.note, c.photos) for c, a in zip(hand_ins, handed_in, strict=True) if isinstance(a, Done)}
    await batch.record(db, done)
    answers = iter(handed_in), iter(checked)
    return [next(answers[isinstance(c, CheckOrder)]) for c in commands]


async def _hand_in(db: Database, batch: OrderBatch, commands: Sequence[HandInOrder], now: datetime) -> list[Answer]:
    def decide(c: HandInOrder, order: Order, member: Member | None, street: Street, workload: Workload) -> Decision:
        order = running_again(order, street, now)
        said = Answered(c.result, c.answer, c.planned_for)
        return work.hand_in(order, member, c.note, len(c.photos), street, now, c.documents_returned, said)

    return await inspecting.check_handed_in(db, batch.carry_out(commands, decide), batch.streets, now)


async def _check(db: Database, batch: OrderBatch, commands: Sequence[CheckOrder], now: datetime) -> list[Answer]:
    if not commands:
        return []
    sent = await tables.open_checks(db, {c.order_id for c in commands})

    def decide(c: CheckOrder, order: Order, member: Member | None, street: Street, workload: Workload) -> Decision:
        asked = sent[order.order_id].asked if order.order_id in sent else ()
        return work.check(order, member, c.passed, street, now, note=c.note, asked=asked, result=c.result)

    return await inspecting.conclude_checks(db, sent, commands, batch.carry_out(commands, decide))
