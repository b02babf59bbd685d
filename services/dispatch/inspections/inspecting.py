"""What becomes of inspections when something happens to orders, cases and members.

Lock order: clocks of orders, orders, members, inspections. A sweep of inspections' own clocks locks its timers
first, then the inspections and nothing else, so whoever else deletes such timers skips those that a sweep has locked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, TypeGuard
from uuid import UUID

from libs.chassis.db.database import Database
from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Answer, Done, Timer
from libs.chassis.handling import timers
from libs.contracts.dispatch import HelpCalledOff, HelpDone, OrderChecked, OrderHandled
from libs.contracts.incident import CaseCorrected, CaseMerged, CaseRegistered, CaseRejected, CaseVoided
from libs.contracts.message import Event
from services.dispatch.inspections import tables
from services.dispatch.inspections.domain import choosing as sending
from services.dispatch.inspections.domain.inspection import OPEN, Inspected, Inspection, State, cancel, conclude
from services.dispatch.orders.domain.commands import CheckOrder
from services.dispatch.orders.domain.offering import ANYBODY
from services.dispatch.orders.domain.order import Order
from services.dispatch.orders.domain.order import State as OrderState
from services.dispatch.routing.domain import RoutedTo, Unrouted
from services.dispatch.street import tables as street_tables
from services.dispatch.street.domain.street import Street
from services.dispatch.workload.domain import Workload
from services.dispatch.workload.tables import MemberKey

Loads = Mapping[str, Workload]
"""By tenant, what its members have to do."""


class InspectionClock(Timer):
    """The end of the time that a member has to look."""

    key_field: ClassVar[str] = "inspection_id"

    inspection_id: UUID


async def loads_near(
    db: Database,
    places: Iterable[tuple[str, str, frozenset[str]]],
    streets: Mapping[str, Street],
    now: datetime,
    others: Iterable[MemberKey] = (),
) -> Loads:
    """Of everybody who may be sent to the places, each (tenant, unit, skills), and of some others."""
    near = {(t, m) for t, unit, skills in set(places) for m in sending.who_may_be_sent(unit, skills, streets[t])}
    return {**{tenant: Workload() for tenant in streets}, **await tables.loads_of(db, near.union(others), now)}


def count(asked: Inspection, loads: Loads) -> None:
    """The next decision of the batch sees what this one has asked of its member."""
    if asked.member_id is not None:
        load = loads[asked.tenant]
        load[asked.member_id] = load.get(asked.member_id, 0) + 1


async def begin(db: Database, asked: Sequence[Inspected]) -> list[Inspected]:
    """Insert them and start their clocks; those that are new."""
    new = await tables.add(db, [each.inspection for each in asked])
    begun = [each for each in asked if each.inspection.inspection_id in new]
    await timers.schedule(db, clocks_of(begun))
    return begun


async def record(db: Database, changed: Sequence[Inspected]) -> list[Event]:
    """Write how they are now and stop the clocks of those that no member has; their facts."""
    after = [each.inspection for each in changed]
    await tables.record(db, after)
    stopped = [str(each.inspection_id) for each in after if each.state is not State.ASSIGNED]
    await timers.forget(db, InspectionClock, stopped)
    return [fact for each in changed for fact in each.facts]


def clocks_of(asked: Iterable[Inspected]) -> list[InspectionClock]:
    return [
        InspectionClock(tenant=i.tenant, due_at=i.due_at, inspection_id=i.inspection_id)
        for i in (each.inspection for each in asked)
        if i.state is State.ASSIGNED
    ]


async def check_handed_in(
    db: Database, answers: Sequence[Answer], streets: Mapping[str, Street], now: datetime
) -> list[Answer]:
    """Makes an inspection of each order that was handed in and waits for no helper any more; adds its facts."""
    orders: list[Order] = [a.reply for a in answers if _waits_for_a_check(a)]
    if not orders:
        return list(answers)
    before = await tables.last_checks(db, [order.order_id for order in orders])
    places = ((order.tenant, order.unit, order.skills) for order in orders)
    who_looked = ((i.tenant, i.done_by) for i in before.values() if i.done_by is not None)
    loads = await loads_near(db, places, streets, now, who_looked)
    asked: list[Inspected] = []
    for order in orders:
        street, earlier = streets[order.tenant], before.get(order.order_id)
        asked.append(sending.ask_to_check(new_id(), order, earlier, street, loads[order.tenant], order.moved_at))
        count(asked[-1].inspection, loads)
    facts = {each.inspection.order_id: each.facts for each in await begin(db, asked)}
    return [_with(a, facts.get(a.reply.order_id, ())) if _waits_for_a_check(a) else a for a in answers]


async def who_checks(db: Database, orders: Iterable[Order]) -> dict[UUID, list[str]]:
    """Whose turn it is with the orders that wait to be checked: nobody's, where their inspection was raised."""
    handled = [order.order_id for order in orders if order.state is OrderState.HANDLED]
    found = await tables.open_checks(db, handled) if handled else {}
    return {order_id: [each.member_id] if each.member_id else [] for order_id, each in found.items()}


async def conclude_checks(
    db: Database, sent: Mapping[UUID, Inspection], commands: Sequence[CheckOrder], answers: Sequence[Answer]
) -> list[Answer]:
    """Keep what the checks that took effect have found. `sent` are the open inspections of the orders."""
    done = {
        c.order_id: conclude(sent[c.order_id], c.member_id, c.passed, c.note, c.photos, a.reply.moved_at)
        for c, a in zip(commands, answers, strict=True)
        if _says(a, OrderChecked) and c.order_id in sent
    }
    await record(db, list(done.values()))
    return [
        _with(a, done[a.reply.order_id].facts) if _says(a, OrderChecked) and a.reply.order_id in done else a
        for a in answers
    ]


async def cancel_checks(db: Database, orders: Collection[UUID], now: datetime) -> list[Event]:
    """The orders are cancelled, and nobody needs to look at them."""
    found = await tables.open_checks(db, orders) if orders else {}
    return await record(db, [cancel(each, now) for each in found.values()])


async def stop_verifying(
    db: Database,
    cases: Sequence[CaseRegistered | CaseRejected | CaseVoided | CaseMerged],
    wait: Callable[[Any, str], None] | None,
    now: datetime,
) -> list[Event]:
    """The cases are decided about. One that was asked about and is not here yet is waited for."""
    asked = [case for case in cases if case.verify_asked]
    if not asked:
        return []
    found = await tables.verifying(db, ((c.tenant, c.case_id) for c in asked))
    for case in asked:
        if wait is not None and (case.tenant, case.case_id) not in found:
            wait(case, f"whether case {case.case_id} is true has not been asked here yet")
    return await record(db, [cancel(each, now) for each in found.values() if each.state in OPEN])


async def correct_verifications(
    db: Database,
    corrected: Sequence[tuple[CaseCorrected, RoutedTo | Unrouted]],
    wait: Callable[[CaseCorrected, str], None],
    now: datetime,
) -> list[Event]:
    """Who is to look whether a report is true hears that it says something else, or somebody else is sent."""
    if not corrected:
        return []
    found = await tables.verifying(db, ((c.tenant, c.case_id) for c, _ in corrected))
    streets = await street_tables.streets_for(db, {c.tenant for c, _ in corrected})
    places = (
        (c.tenant, to.unit.code, to.responsibility.skills if to.responsibility else ANYBODY) for c, to in corrected
    )
    loads = await loads_near(db, places, streets, now)
    changed: dict[UUID, Inspected] = {}
    raised = {each.inspection_id for each in found.values() if each.state is State.RAISED}
    for case, to in corrected:
        asked = found.get((case.tenant, case.case_id))
        if asked is None:
            wait(case, f"whether case {case.case_id} is true has not been asked here yet")
        elif asked.state in OPEN:
            after = sending.correct_verification(asked, case, to, streets[case.tenant], loads[case.tenant], now)
            count(after.inspection, loads)
            before = changed.get(asked.inspection_id)
            changed[asked.inspection_id] = replace(after, facts=(*before.facts, *after.facts)) if before else after
            found[case.tenant, case.case_id] = after.inspection
    facts = await record(db, list(changed.values()))
    # Of those that a member had the clock runs already.
    await timers.schedule(db, [clock for clock in clocks_of(changed.values()) if clock.inspection_id in raised])
    return facts


async def correct_checks(db: Database, orders: Iterable[Order]) -> None:
    """Who is to look at an order that was handed in reads what its case says now."""
    handled = {order.order_id: order for order in orders if order.state is OrderState.HANDLED}
    found = await tables.open_checks(db, handled) if handled else {}
    said = ("category", "category_name", "summary", "place")
    right = [replace(i, **{name: getattr(handled[of], name) for name in said}) for of, i in found.items()]
    await tables.record(db, right)


async def hand_over(
    db: Database, absent: Collection[MemberKey], streets: Mapping[str, Street], now: datetime
) -> list[Event]:
    """What the absent were asked to look at goes to others."""
    found = await tables.of_absent(db, absent)
    loads = await loads_near(db, ((i.tenant, i.unit, i.skills) for i in found), streets, now)
    changed: list[Inspected] = []
    for each in found:
        changed.append(sending.hand_over(each, streets[each.tenant], loads[each.tenant], now))
        count(changed[-1].inspection, loads)
    return await record(db, changed)


def _waits_for_a_check(answer: Answer) -> TypeGuard[Done]:
    """It was handed in just now, or the last of its helpers has been waited for."""
    if not _says(answer, OrderHandled, HelpDone, HelpCalledOff):
        return False
    return answer.reply.state is OrderState.HANDLED and not answer.reply.open_helpers


def _says(answer: Answer, *fact: type[Event]) -> TypeGuard[Done]:
    return isinstance(answer, Done) and any(isinstance(event, fact) for event in answer.events)


def _with(answer: Answer, facts: Iterable[Event]) -> Answer:
    return replace(answer, events=(*answer.events, *facts)) if isinstance(answer, Done) else answer
