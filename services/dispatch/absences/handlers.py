"""Absences of members: recorded, ended, and what follows when one begins."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar
from uuid import UUID

from libs.chassis.db.database import Database
from libs.chassis.handlers import Answer, Batch, Done, EventRouter, Refused, Timer, not_in_street
from libs.chassis.handling import timers
from libs.contracts.message import Event
from services.dispatch.absences import tables as absence_tables
from services.dispatch.absences.domain import Absence, EndAbsence, NotRecorded, RecordAbsence, absence_fact, record
from services.dispatch.inspections import inspecting
from services.dispatch.orders import tables as order_tables
from services.dispatch.orders.batch import OrderBatch, members_near
from services.dispatch.orders.domain.offering import offer_without
from services.dispatch.orders.domain.order import Order, State
from services.dispatch.street import tables as street_tables
from services.dispatch.workload import tables as workload_tables
from services.dispatch.workload.tables import MemberKey

router = EventRouter("dispatch")


class AbsenceBegins(Timer):
    key_field: ClassVar[str] = "absence_id"

    absence_id: UUID


@router.answers(RecordAbsence)
async def record_absences(commands: Batch[RecordAbsence], db: Database) -> list[Answer]:
    members = {(c.absence.tenant, c.absence.member_id) for c in commands}
    await workload_tables.lock_members(db, members, commands.now)
    streets = await street_tables.streets_for(db, {tenant for tenant, _ in members})
    known = await absence_tables.not_over(db, members, commands.now)
    new: list[Absence] = []
    answers: list[Answer] = []
    for wanted in (c.absence for c in commands):
        street, others = streets.get(wanted.tenant), known[wanted.tenant, wanted.member_id]
        member = street.members.get(wanted.member_id) if street else None
        match record(wanted, member, others, commands.now):
            case NotRecorded(reason):
                answers.append(Refused(409, "Not recorded", reason))
            case Absence() as absence:
                if absence is wanted:
                    others.append(absence)
                    new.append(absence)
                answers.append(Done(absence))
    await absence_tables.insert(db, new)
    # From the answer on nothing is offered to them; what has been offered already goes to others when the timer fires.
    begun = [absence for absence in new if absence.from_at <= commands.now]
    await workload_tables.set_absent(db, {(a.tenant, a.member_id): a.until_at for a in begun})
    await timers.schedule(db, [AbsenceBegins(tenant=a.tenant, due_at=a.from_at, absence_id=a.absence_id) for a in new])
    return answers


@router.answers(EndAbsence)
async def end_absences(commands: Batch[EndAbsence], db: Database) -> list[Answer]:
    known = await absence_tables.by_id(db, [c.absence_id for c in commands])
    await workload_tables.lock_members(db, {(a.tenant, a.member_id) for a in known.values()}, commands.now)
    back: dict[UUID, Absence] = {}
    answers: list[Answer] = []
    for command in commands:
        absence = known.get(command.absence_id)
        if absence is None or absence.tenant != command.tenant:
            answers.append(not_in_street(command.tenant, f"请假 {command.absence_id}", f"absence {command.absence_id}"))
            continue
        if absence.until_at > commands.now:
            absence = back[absence.absence_id] = replace(absence, until_at=commands.now)
        answers.append(Done(absence))
    await absence_tables.shorten(db, [a for a in back.values() if a.from_at < a.until_at])
    await absence_tables.delete(db, [a for a in back.values() if a.from_at >= a.until_at])
    # Who takes back an absence that has not begun may be away for another one.
    gone = [a for a in back.values() if a.from_at <= a.until_at]
    await workload_tables.set_absent(db, {(a.tenant, a.member_id): a.until_at for a in gone})
    return answers


@router.due(AbsenceBegins)
async def begin_absences(begun: Batch[AbsenceBegins], db: Database) -> Sequence[Event]:
    """Open offers and inspections go to others; what the absent have claimed is told to their organisations."""
    known = await absence_tables.by_id(db, [timer.absence_id for timer in begun])
    away = {(a.tenant, a.member_id): a for a in known.values() if a.until_at > begun.now}
    batch = await OrderBatch.open(db, await order_tables.orders_of_absent(db, away), away, begun.now, members_near)
    await workload_tables.set_absent(db, {who: absence.until_at for who, absence in away.items()})
    for tenant, member_id in away:
        batch.workload[tenant].absent.add(member_id)
    claimed: dict[MemberKey, list[Order]] = defaultdict(list)
    facts: list[Event] = []
    for order in list(batch.orders.values()):
        workload = batch.workload[order.tenant]
        if order.state is State.OFFERED:
            now = order.next_moment(begun.now)
            elsewhere = offer_without(order, workload.absent, batch.streets[order.tenant], workload, now)
            batch.keep(elsewhere.order)
            facts += elsewhere.facts
        elif order.member_id is not None:
            claimed[order.tenant, order.member_id].append(order)
    await batch.record(db)
    streets = await street_tables.streets_for(db, {tenant for tenant, _ in away})
    facts += await inspecting.hand_over(db, away, streets, begun.now)
    members = ((a, streets[a.tenant].members.get(a.member_id)) for a in away.values())
    return [*facts, *(absence_fact(a, m, claimed[a.tenant, a.member_id], begun.now) for a, m in members if m)]
