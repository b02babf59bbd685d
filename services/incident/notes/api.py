"""Notes over HTTP; they are read in the case's timeline."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import StringConstraints

from libs.chassis.http import CommandsDep
from services.incident.cases.requests import ByMember, CaseNo, Decided
from services.incident.notes.domain import NoteOnCase

router = APIRouter(tags=["staff"])


class Note(ByMember):
    words: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=r"^[^\x00]*$"),
    ]


@router.post("/v1/cases/{case_no}/notes", status_code=201)
async def add_note(case_no: CaseNo, body: Note, commands: CommandsDep) -> Decided:
    """Leave a note for colleagues (备注), in any state of the case. The reporter does not see it."""
    return Decided.model_validate(await commands.send(NoteOnCase(body.tenant, case_no, body.by_member, body.words)))
