"""What staff decide on a case, and the reasons for which it may end without being worked on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from libs.contracts.incident import EndReason
from services.incident.cases.domain.case import Move

REASONS_FOR: Mapping[Move, tuple[EndReason, ...]] = {
    Move.REJECT: (
        EndReason.NOT_OURS,
        EndReason.UNCLEAR,
        EndReason.NO_SUCH_PLACE,
        EndReason.DEALT_WITH_ELSEWHERE,
        EndReason.REPORTED_BEFORE,
    ),
    Move.DISPROVE: (EndReason.UNTRUE,),
    Move.VOID: (
        EndReason.MISTAKEN,
        EndReason.TEST,
        EndReason.WITHDRAWN,
        EndReason.REPORTED_BEFORE,
        EndReason.NOT_OURS,
        EndReason.DEALT_WITH_ELSEWHERE,
    ),
}


@dataclass(frozen=True, slots=True)
class DecideCase:
    """A member of staff accepts, rejects, confirms, disproves or voids; `reason` says why where the case ends."""

    tenant: str
    case_no: str
    move: Move
    by_member: str
    reason: EndReason | None = None
    note: str | None = None
