"""What may have been reported before, over HTTP, for staff and for who reported it."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from libs.chassis.db.database import Record
from libs.chassis.http import DatabaseDep, OfStreet
from libs.contracts.reasons import ReasonView
from services.incident.cases.domain.case import State
from services.incident.cases.domain.words import STATE_WORDS
from services.incident.cases.requests import CaseNo, InWords, IssuedCode, case_or_404, tracked_or_404
from services.incident.duplicates import tables
from services.incident.duplicates.domain import Candidate

router = APIRouter()


class CandidateView(BaseModel):
    """A case that may be the same matter."""

    case_no: str
    state: State
    category_name: str
    place_name: str | None
    reported_at: datetime
    text: str
    score: float = Field(description="0 to 1: how likely it is the same.")
    because: list[ReasonView]


class KnownView(BaseModel):
    """What may be known already, for who reported it too: how it stands, and nothing that another wrote."""

    case_no: str = Field(description="By it you can follow the case instead of reporting it again.")
    state: State
    state_in_words: InWords
    reported_at: datetime
    handle_by: datetime | None


@router.get("/v1/track/{code}/known", tags=["following"])
async def known(code: IssuedCode, db: DatabaseDep) -> list[KnownView]:
    """What is under way and may be the same matter: how it stands, for who has reported it too."""
    case = await tracked_or_404(db, code)
    return [_known_view(other) for other, _ in await tables.candidates(db, case)]


@router.get("/v1/cases/{case_no}/candidates", tags=["staff"])
async def candidates(case_no: CaseNo, tenant: OfStreet, db: DatabaseDep) -> list[CandidateView]:
    """Cases under way that may be the same matter (疑似重复), the likeliest first, with reasons."""
    found = await case_or_404(db, tenant, case_no)
    return [_candidate_view(other, why) for other, why in await tables.candidates(db, found)]


def _candidate_view(case: Record, candidate: Candidate) -> CandidateView:
    because = [ReasonView.model_validate(each, from_attributes=True) for each in candidate.because]
    return CandidateView.model_validate({**case, "score": candidate.score, "because": because})


def _known_view(case: Record) -> KnownView:
    state = State(case.state)
    words = InWords(**STATE_WORDS[state])
    return KnownView(
        case_no=case.case_no,
        state=state,
        state_in_words=words,
        reported_at=case.reported_at,
        handle_by=case.handle_by,
    )
