"""The orders of a batch of messages: locked, decided one after the other, and recorded together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar, TypeVar
from uuid import UUID

from libs.chassis.db.database import Database
from libs.chassis.handlers import Answer, Batch, Done, Refused, Timer, not_in_street
from libs.chassis.handling import timers
from libs.contracts.incident import CaseAnswered, CaseAppointmentChanged, CaseQuestioned
from libs.contracts.message import Event
from libs.contracts.values import Stage
from services.dispatch.orders import tables as order_tables
from services.dispatch.orders.domain.commands import AboutOrder
from services.dispatch.orders.domain.helping import due
from services.dispatch.orders.domain.offering import who_may_be_asked
from services.dispatch.orders.domain.order import Changed, Decision, Order, Refusal, State
from services.dispatch.street import tables as street_tables
from services.dispatch.street.domain.street import Member, Street
from services.dispatch.workload import tables as workload_tables
from services.dispatch.workload.domain import Workload

CandidateFinder = Callable[[Order, Street], Iterable[str]]
"""The members whom a decision about the order may offer it to: their load is read with it."""

C = TypeVar("C", bound=AboutOrder)
F = TypeVar("F", bound=CaseAppointmentChanged | CaseQuestioned | CaseAnswered)
Decide = Callable[[C, Order, Member | None, Street, Workload], Decision | Refused]


class OrderClock(Timer):
    """One timer for each order: amber, then red, of its stage; of a suspended order the end of the suspension."""

    key_field: ClassVar[str] = "order_id"

    order_id: UUID
    stage: Stage | None
    stage_ends_at: datetime


def clock_of(order: Order, street: Street) -> OrderClock | None:
    """The next time that somebody must hear of the order, if nothing happens."""
    due_at, running = order.due_at(), order.running
    if due_at is None or (running and due_at == order.told_overdue):
        return None
    next_at = running.amber_at(street.calendar) if running and order.told_near != due_at else due_at
    return OrderClock(
        tenant=order.tenant, due_at=next_at, order_id=order.order_id, stage=order.stage, stage_ends_at=due_at
    )


class OfferLease(Timer):
    """The end of an offer of an order. Each offer has a timer of its own, so that setting one waits for no sweep."""

    key_field: ClassVar[str] = "offer"

    order_id: UUID
    offers: int

    @property
    def offer(self) -> str:
        return f"{self.order_id}/{self.offers}"


def lease_of(order: Order) -> OfferLease | None:
    if order.state is not State.OFFERED or order.lease_ends_at is None:
        return None
    return OfferLease(tenant=order.tenant, due_at=order.lease_ends_at, order_id=order.order_id, offers=order.offers)


class HelpClock(Timer):
    """The end of the time that a helper has. Each helper has a timer of its own."""

    key_field: ClassVar[str] = "help_id"

    help_id: UUID
    order_id: UUID


class HelpWithCase(Timer):
    """The organisations of these units help with the order that a case has, or will have."""

    key_field: ClassVar[str] = "case_id"

    case_id: UUID
    units: tuple[str, ...]
    task: str
    tries: int = 0


def help_clocks_of(order: Order) -> list[HelpClock]:
    """Of the helpers who are not done; none while the clock of the order stands still."""
    if order.paused_at is not None or order.suspended_at is not None:
        return []
    return [
        HelpClock(tenant=order.tenant, due_at=due(order, help), help_id=help.help_id, order_id=order.order_id)
        for help in order.open_helpers
        if help.told_overdue != due(order, help)
    ]


def no_members(_: Order, __: Street) -> Iterable[str]:
    return ()


def members_near(order: Order, street: Street) -> Iterable[str]:
    """Where the order is, and one level up."""
    return who_may_be_asked(order.unit, order.skills, street)


class OrderBatch:
    """The orders of a batch, locked, and what becomes of them."""

    def __init__(self, found: dict[UUID, Order], streets: Mapping[str, Street], workload: dict[str, Workload]) -> None:
        self.orders = found
        self.streets = streets
        self.workload = workload
        self.next_clocks: list[OrderClock] = []
        self._before = dict(found)

    @classmethod
    async def open(
        cls,
        db: Database,
        ids: set[UUID],
        members: Iterable[workload_tables.MemberKey],
        now: datetime,
        asked: CandidateFinder = no_members,
    ) -> OrderBatch:
        """Locks clocks, then orders, then the members whose load may change: everywhere in this sequence."""
        await timers.hold(db, OrderClock, map(str, ids))
        found = await order_tables.orders_by_id(db, ids)
        having = {(order.tenant, order.member_id) for order in found.values() if order.member_id is not None}
        streets = await street_tables.streets_for(db, {order.tenant for order in found.values()})
        others = {(order.tenant, m) for order in found.values() for m in asked(order, streets[order.tenant])}
        return cls(found, streets, await workload_tables.workload_of(db, others, now, lock={*members, *having}))

    @classmethod
    async def open_for(cls, db: Database, commands: Batch[C], asked: CandidateFinder = no_members) -> OrderBatch:
        """The orders that the commands are about, with the members who ask or are named."""
        named = {(c.tenant, m) for c in commands for m in (c.member_id, getattr(c, "to_member", None)) if m}
        return await cls.open(db, {c.order_id for c in commands}, named, commands.now, asked)

    def keep(self, order: Order) -> None:
        before = self.orders[order.order_id]
        self.orders[order.order_id] = order
        for who, change in _workload_change(before, order).items():
            loads = self.workload.setdefault(order.tenant, Workload())
            loads[who] = loads.get(who, 0) + change

    def carry_out(self, commands: Sequence[C], decide: Decide[C]) -> list[Answer]:
        """Decide one after the other; each sees what the ones before it have changed."""
        answers: list[Answer] = []
        for command in commands:
            order = self.orders.get(command.order_id)
            if order is None or order.tenant != command.tenant:
                answers.append(not_in_street(command.tenant, f"工单 {command.order_id}", f"order {command.order_id}"))
                continue
            street = self.streets[order.tenant]
            member = street.members.get(command.member_id)
            match decide(command, order, member, street, self.workload.get(order.tenant, Workload())):
                case Refusal(reason, allowed):
                    extra = {"state": order.state, "allowed": [t.shown() for t in allowed]}
                    answers.append(Refused(409, "Not possible now", reason, extra))
                case Refused() as refused:
                    answers.append(refused)
                case Changed() as changed:
                    self.keep(changed.order)
                    answers.append(Done(changed.order, changed.facts))
        return answers

    async def record(self, db: Database, evidence: order_tables.Evidence = MappingProxyType({})) -> None:
        """Write what has changed; `evidence` of those that were handed in."""
        changed = [o for id, o in self.orders.items() if o != self._before[id]]
        await order_tables.update_orders(db, [(self._before[o.order_id], o) for o in changed], evidence)
        totals: Counter[workload_tables.MemberKey] = Counter()
        for order in changed:
            for member, change in _workload_change(self._before[order.order_id], order).items():
                totals[(order.tenant, member)] += change
        await workload_tables.add_open_orders(db, totals)
        moved = [o for o in changed if o.due_at() != self._before[o.order_id].due_at()]
        clocks = [clock for order in moved if (clock := clock_of(order, self.streets[order.tenant]))]
        ended = [str(order.order_id) for order in moved if order.due_at() is None]
        await timers.cancel(db, OrderClock, ended)
        leases = [(lease_of(self._before[o.order_id]), lease_of(o)) for o in changed]
        await timers.forget(db, OfferLease, [before.key for before, after in leases if before and before != after])
        helping = [(help_clocks_of(self._before[o.order_id]), help_clocks_of(o)) for o in changed if o.helpers]
        over = [clock.key for before, after in helping for clock in before if clock not in after]
        await timers.forget(db, HelpClock, over)
        helpers = [clock for before, after in helping for clock in after if clock not in before]
        await timers.schedule(db, [*clocks, *helpers, *self.next_clocks, *(after for _, after in leases if after)])


async def change_orders_of_cases(
    facts: Batch[F], db: Database, decide: Callable[[F, Order, Street], Changed]
) -> list[Event]:
    """What facts about cases do to the orders of their openings; a case without an order has nothing to change here."""
    openings = {(fact.tenant, fact.case_id, fact.opening) for fact in facts if fact.opening is not None}
    found = await order_tables.of_openings(db, openings)
    batch = await OrderBatch.open(db, {order.order_id for order in found.values()}, (), facts.now)
    told: list[Event] = []
    for fact in facts:
        if fact.opening is None:
            continue
        known = found.get((fact.tenant, fact.case_id, fact.opening))
        if known is None:
            facts.postpone(fact, f"the order of case {fact.case_id} is not here yet")
            continue
        changed = decide(fact, batch.orders[known.order_id], batch.streets[fact.tenant])
        batch.keep(changed.order)
        told += changed.facts
    await batch.record(db)
    return told


def _workload_change(before: Order, after: Order) -> Counter[str]:
    """An order weighs on the member who has it until it is handed in."""
    change: Counter[str] = Counter()
    for order, weight in ((before, -1), (after, 1)):
        if order.member_id is not None and order.state in (State.CLAIMED, State.HANDLING):
            change[order.member_id] += weight
    return change
