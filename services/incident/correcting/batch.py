"""A correction noted in the timeline of its case, and told."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from libs.chassis.db.ids import new_id
from libs.contracts.incident import CaseCorrected
from services.incident.cases import facts
from services.incident.cases.batch import CaseBatch
from services.incident.cases.domain.case import State
from services.incident.cases.domain.redaction import redact
from services.incident.cases.tables import LockedCase
from services.incident.correcting.domain import Correction, recorded


def record(
    batch: CaseBatch, case: LockedCase, after: Correction, by_member: str | None, reason: str, now: datetime
) -> tuple[LockedCase, CaseCorrected]:
    """The case as it is now, which is yet to be written, and the fact. `by_member` None: by the reporter."""
    corrected = replace(case, content=after.content, corrections=case.corrections + 1)
    details = {
        "move": after.move,
        "by_member": by_member,
        "reason": reason,
        "before": recorded(case.content, after.corrected),
        "after": recorded(after.content, after.corrected),
    }
    batch.append_entry(case, after.standing, new_id(), "corrected", now, details)
    fact = CaseCorrected(
        **facts.about(corrected, now),
        **corrected.content.told(),
        corrected=after.corrected,
        corrections=corrected.corrections,
        by_member=by_member,
        reason=redact(reason),
        opening=after.standing.opening,
        verify_asked=after.standing.state is State.VERIFYING,
    )
    return corrected, fact
