"""Asking the reporter and answering, over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from libs.chassis.http import Body, CommandsDep
from libs.contracts.message import Moment
from libs.contracts.values import Photos, Place
from services.incident.cases.requests import ByMember, CaseNo, Decided, IssuedCode
from services.incident.questions.domain import AnswerQuestion, AskReporter

router = APIRouter()


class QuestionBody(ByMember):
    question: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[^\x00]*$"),
    ] = Field(examples=["是哪一盏灯？请说明门牌号。"])
    answer_by: Moment | None = Field(None, description="1 hour to 30 days from now; null: in 3 days.")


class AnswerBody(Body):
    number: int = Field(ge=1, description="`question.number` of the case as you saw it.")
    words: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=r"^[^\x00]*$"),
    ]
    place: Place | None = Field(None, description="Where it is, if that was not right before.")
    photos: Photos = Field((), description="Ids of photos, at most 9: 1 to 200 of A-Z a-z 0-9 . _ and -.")


class AskedView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    case_no: str
    number: int
    answer_by: datetime


@router.post("/v1/cases/{case_no}/ask", status_code=201, tags=["staff"])
async def ask(case_no: CaseNo, body: QuestionBody, commands: CommandsDep) -> AskedView:
    """Ask the reporter for more (请补充); the clock stands still until an answer, or until its time is over."""
    wish = AskReporter(body.tenant, case_no, body.by_member, body.question, body.answer_by)
    return AskedView.model_validate(await commands.send(wish))


@router.post("/v1/track/{code}/answer", tags=["following"])
async def answer(code: IssuedCode, body: AnswerBody, commands: CommandsDep) -> Decided:
    """Answer what you were asked. A place that is named here is where it is from now on."""
    said = AnswerQuestion(code, body.number, body.words, body.place, body.photos)
    return Decided.model_validate(await commands.send(said))
