"""What a member found on site: the report becomes a case, or is rejected as untrue."""

from __future__ import annotations

from libs.chassis.db.database import Database
from libs.chassis.handlers import Batch, EventRouter
from libs.contracts.dispatch import CaseVerified
from libs.contracts.incident import EndReason
from libs.contracts.message import Event
from libs.transitions import Impossible
from services.incident import facts
from services.incident.domain.case import Move, decide
from services.incident.tables import cases as tables
from services.incident.tables.changes import Changes

router = EventRouter("incident")


@router.on(CaseVerified)
async def follow_verifications(found: Batch[CaseVerified], db: Database) -> list[Event]:
    """Of a case that somebody has decided about in the meantime nothing changes any more."""
    cases = await tables.lock_by_id(db, ((f.tenant, f.case_id) for f in found))
    changes = Changes(found.now)
    told: list[Event] = []
    for fact in found:
        case = cases.get((fact.tenant, fact.case_id))
        if case is None:
            found.postpone(fact, f"case {fact.case_id} is not here yet")
            continue
        move, reason = (Move.CONFIRM, None) if fact.true_report else (Move.DISPROVE, EndReason.UNTRUE)
        before = changes.standing(case)
        after = decide(before, move)
        if isinstance(after, Impossible):
            continue
        details = {"move": move, "by_member": fact.member_id, "reason": reason, "note": fact.note}
        changes.note(case, after, fact.id, after.state, fact.occurred_at, details)
        told.append(facts.of_decision(case, before, after, reason, fact.note, fact.occurred_at))
    await changes.write(db)
    return told
