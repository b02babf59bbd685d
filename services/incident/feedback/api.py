"""Saying how it was, over HTTP."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from libs.chassis.http import Body, CommandsDep
from services.incident.cases.domain.case import State
from services.incident.cases.requests import IssuedCode, Reason
from services.incident.feedback.domain import EvaluateCase

router = APIRouter(tags=["following"])


class Feedback(Body):
    satisfied: StrictBool
    words: Reason | None = None
    closing: UUID | None = Field(
        None,
        description="`feedback.closing` of the case as you saw it: a request that comes late, when the case was closed "
        "again, is then refused and not taken for another closing's.",
    )


class Evaluated(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    case_no: str
    satisfied: bool
    reopened: bool
    state: State


@router.post("/v1/track/{code}/feedback")
async def evaluate(code: IssuedCode, body: Feedback, commands: CommandsDep) -> Evaluated:
    """Say how it was (评价), once for each closing and within 14 days. Not satisfied opens it again, at most twice."""
    done = await commands.send(EvaluateCase(code, body.satisfied, body.words, body.closing))
    return Evaluated.model_validate(done)
