"""Notes kept in the timelines of their cases."""

from __future__ import annotations

from libs.chassis.db.database import Database
from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Answer, Batch, Done, EventRouter
from services.incident.cases.batch import CaseBatch, answer_by_case
from services.incident.cases.domain.case import Decided
from services.incident.cases.tables import LockedCase
from services.incident.notes.domain import NoteOnCase

router = EventRouter("incident")


@router.answers(NoteOnCase)
async def note_on_cases(commands: Batch[NoteOnCase], db: Database) -> list[Answer]:
    def note(command: NoteOnCase, case: LockedCase, batch: CaseBatch) -> Answer:
        standing = batch.standing(case)
        said = {"by_member": command.by_member, "words": command.words}
        batch.append_entry(case, standing, new_id(), "noted", commands.now, said)
        return Done(Decided(case.case_no, standing.state))

    return await answer_by_case(commands, db, note)
