"""Correcting cases over HTTP, one or many."""

from __future__ import annotations

from typing import Annotated, Any, Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, model_validator

from libs.chassis.http import CommandsDep, LanguageDep
from libs.contracts.incident import Corrected, Text
from libs.contracts.message import CategoryCode, MemberId
from libs.contracts.values import ComponentCode, Place, RequestKind
from libs.sentences import Unfit
from services.incident.cases.domain.case import State
from services.incident.cases.requests import CASE_NO, ByMember, CaseNo, OneOfMany, Reason, one_of_many
from services.incident.correcting.domain import CorrectCase

router = APIRouter(tags=["staff"])

MAY_BE_NONE = frozenset({Corrected.COMPONENT, Corrected.REPORTED_BY_MEMBER})

WithoutNul = Annotated[Text, Field(pattern=r"^[^\x00]*$")]


class _Correcting(ByMember):
    """What is right; what is not named stays as it is."""

    reason: Reason = Field(description="Why, in words that the reporter reads too.")
    category: CategoryCode | None = None
    request_kind: RequestKind | None = None
    reported_by_member: MemberId | None = Field(None, description="null: it was no member who reported it.")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.right():
            names = self._names()
            raise Unfit(f"要写明更正什么：{'、'.join(names)}", f"name what is right: {', '.join(names)}")
        return self

    @classmethod
    def _names(cls) -> list[str]:
        return [what.value for what in Corrected if what.value in cls.model_fields]

    def right(self) -> dict[Corrected, Any]:
        """Only the component and who reported may become none."""
        named = {what: getattr(self, what) for what in Corrected if what in self.model_fields_set}
        return {what: v for what, v in named.items() if v is not None or what in MAY_BE_NONE}


class Correction(_Correcting):
    text: WithoutNul | None = None
    place: Place | None = Field(None, description="All of it: a point, a name, or both.")
    component: ComponentCode | None = Field(None, description="null: it is none that the street keeps.")


class CorrectingMany(_Correcting):
    """The same for a list that was filed wrongly; each case is answered on its own."""

    case_nos: list[Annotated[str, Field(pattern=CASE_NO)]] = Field(
        min_length=1, max_length=200, examples=[["20261123-000041", "20261123-000042"]]
    )


class CorrectedView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    case_no: str
    state: State
    corrected: list[Corrected] = Field(description="What was not so before; empty where all of it was.")


@router.post("/v1/cases/{case_no}/correct")
async def correct(case_no: CaseNo, body: Correction, commands: CommandsDep) -> CorrectedView:
    """Correct a case (更正): what it said stays in its timeline, its order is routed anew, and everybody is told."""
    done = await commands.send(CorrectCase(body.tenant, case_no, body.by_member, body.reason, body.right()))
    return CorrectedView.model_validate(done)


@router.post("/v1/cases/corrections")
async def correct_many(body: CorrectingMany, commands: CommandsDep, language: LanguageDep) -> list[OneOfMany]:
    """Correct many cases alike, in the order in which they were named."""
    numbers = list(dict.fromkeys(body.case_nos))
    wishes = [CorrectCase(body.tenant, n, body.by_member, body.reason, body.right()) for n in numbers]
    answers = await commands.send_all(wishes)
    return [one_of_many(n, answer, language) for n, answer in zip(numbers, answers, strict=True)]
