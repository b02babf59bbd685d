"""A case accepted, rejected or voided by staff, confirmed or disproved by who looked on site."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from libs.chassis.db.database import Database
from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Answer, Batch, Done, EventRouter, Refused
from libs.contracts.dispatch import CaseVerified
from libs.contracts.incident import EndReason
from libs.contracts.message import Event
from libs.transitions import Impossible
from services.incident.cases import facts
from services.incident.cases import tables as case_tables
from services.incident.cases.batch import CaseBatch, answer_by_case
from services.incident.cases.domain.case import Decided, Move, decide
from services.incident.cases.tables import LockedCase
from services.incident.decisions.domain import DecideCase

router = EventRouter("incident")


@router.answers(DecideCase)
async def decide_cases(commands: Batch[DecideCase], db: Database) -> list[Answer]:
    return await answer_by_case(commands, db, partial(_decide, now=commands.now))


@router.on(CaseVerified)
async def follow_verifications(found: Batch[CaseVerified], db: Database) -> list[Event]:
    """Of a case that somebody has decided about in the meantime nothing changes any more."""
    cases = await case_tables.lock_by_id(db, ((f.tenant, f.case_id) for f in found))
    batch = CaseBatch(found.now)
    told: list[Event] = []
    for fact in found:
        case = cases.get((fact.tenant, fact.case_id))
        if case is None:
            found.postpone(fact, f"case {fact.case_id} is not here yet")
            continue
        move, reason = (Move.CONFIRM, None) if fact.true_report else (Move.DISPROVE, EndReason.UNTRUE)
        before = batch.standing(case)
        after = decide(before, move)
        if isinstance(after, Impossible):
            continue
        details = {"move": move, "by_member": fact.member_id, "reason": reason, "note": fact.note}
        batch.append_entry(case, after, fact.id, after.state, fact.occurred_at, details)
        told.append(facts.of_decision(case, before, after, reason, fact.note, fact.occurred_at))
    await batch.write(db)
    return told


def _decide(command: DecideCase, case: LockedCase, batch: CaseBatch, now: datetime) -> Answer:
    before = batch.standing(case)
    after = decide(before, command.move)
    if isinstance(after, Impossible):
        allowed = [transition.shown() for transition in after.allowed]
        return Refused(409, "Not in this state", after.detail, {"state": before.state, "allowed": allowed})
    details = {"move": command.move, "by_member": command.by_member, "reason": command.reason, "note": command.note}
    batch.append_entry(case, after, new_id(), after.state, now, details)
    fact = facts.of_decision(case, before, after, command.reason, command.note, now)
    return Done(Decided(case.case_no, after.state), [fact])
