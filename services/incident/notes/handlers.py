"""Notes kept in the timelines of their cases."""

from __future__ import annotations

from libs.chassis.db.database import Database
from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Answer, Batch, Done, EventRouter, Refused
from services.incident.cases import tables as case_tables
from services.incident.cases.batch import CaseBatch
from services.incident.cases.domain.case import Decided
from services.incident.cases.domain.refusals import no_case
from services.incident.notes.domain import NoteOnCase

router = EventRouter("incident")


@router.answers(NoteOnCase)
async def note_on_cases(commands: Batch[NoteOnCase], db: Database) -> list[Answer]:
    cases = await case_tables.lock_by_number(db, ((c.tenant, c.case_no) for c in commands))
    batch = CaseBatch(commands.now)
    answers: list[Answer] = []
    for command in commands:
        case = cases.get((command.tenant, command.case_no))
        if case is None:
            answers.append(Refused(404, "Not found", no_case(command.tenant, command.case_no)))
            continue
        standing = batch.standing(case)
        said = {"by_member": command.by_member, "words": command.words}
        batch.append_entry(case, standing, new_id(), "noted", commands.now, said)
        answers.append(Done(Decided(case.case_no, standing.state)))
    await batch.write(db)
    return answers
