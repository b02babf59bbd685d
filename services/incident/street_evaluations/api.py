"""Saying for the street how a case was handled, over HTTP."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from libs.chassis.http import CommandsDep
from libs.contracts.incident import Grade
from services.incident.cases.requests import ByMember, CaseNo, Reason
from services.incident.street_evaluations.domain import EvaluateForStreet

router = APIRouter(tags=["staff"])


class StreetEvaluationBody(ByMember):
    """How the organisation handled it, in the eyes of the street."""

    grade: Grade
    words: Reason | None = None


class StreetEvaluated(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    grade: Grade
    words: str | None
    by_member: str


@router.post("/v1/cases/{case_no}/street-evaluation")
async def evaluate_for_street(case_no: CaseNo, body: StreetEvaluationBody, commands: CommandsDep) -> StreetEvaluated:
    """Say for the street how a closed case was handled (街道评价), once for each closing."""
    done = await commands.send(EvaluateForStreet(body.tenant, case_no, body.grade, body.words, body.by_member))
    return StreetEvaluated.model_validate(done)
