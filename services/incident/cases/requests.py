"""Parts of requests and answers that several rooms share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from libs.chassis.db.database import Database, Record
from libs.chassis.handlers import Answer, Done
from libs.chassis.http import Body, not_found
from libs.contracts.message import MemberId, Tenant
from libs.sentences import Language
from services.incident.cases import tables
from services.incident.cases.domain.case import State
from services.incident.cases.domain.refusals import NO_SUCH_CODE, no_case
from services.incident.cases.domain.tracking_code import as_issued

CASE_NO = r"^[0-9]{8}-[0-9]{6,12}$"
CaseNo = Annotated[str, Path(pattern=CASE_NO, examples=["20261123-000042"])]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[^\x00]*$")]


class ByMember(Body):
    """Who of the staff asks for it, in which street."""

    tenant: Tenant
    by_member: MemberId


class InWords(BaseModel):
    zh: str
    en: str


class Decided(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    case_no: str
    state: State


class OneOfMany(BaseModel):
    """What became of one case of a request about many."""

    case_no: str
    status: int = Field(description="As the same asked of this case alone is answered: 200, 404, 409 or 422.")
    state: State | None = Field(description="The case as it is now; null when there is none.")
    detail: str | None = Field(description="Why not.")


def one_of_many(case_no: str, answer: Answer, language: Language) -> OneOfMany:
    if isinstance(answer, Done):
        return OneOfMany(case_no=case_no, status=200, state=answer.reply.state, detail=None)
    state, told = answer.extra.get("state"), answer.told(language)
    return OneOfMany(case_no=case_no, status=answer.status, state=state, detail=told)


async def case_or_404(db: Database, tenant: str, case_no: str) -> Record:
    found = await tables.case_by_number(db, tenant, case_no)
    if found is None:
        raise not_found(no_case(tenant, case_no))
    return found


async def tracked_or_404(db: Database, code: str) -> Record:
    """The case of a tracking code in the form in which it was issued."""
    found = await tables.case_by_code(db, code)
    if found is None:
        raise not_found(NO_SUCH_CODE)
    return found


async def _issued_or_404(code: str) -> str:
    # Async although it awaits nothing: FastAPI runs a plain function in a thread.
    issued = as_issued(code)
    if issued is None:
        raise not_found(NO_SUCH_CODE)
    return issued


IssuedCode = Annotated[str, Depends(_issued_or_404)]
"""The tracking code in the path as a person typed it, in the form in which it was issued."""
