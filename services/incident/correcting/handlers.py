"""Cases corrected by the desk; what they said before stays in their timelines."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from libs.chassis.db.database import Database
from libs.chassis.handlers import Answer, Batch, Done, EventRouter, Refused
from libs.contracts.incident import Corrected
from libs.sentences import Sentence
from libs.transitions import Impossible
from services.incident.cases import tables as case_tables
from services.incident.cases.batch import CaseBatch
from services.incident.cases.domain.redaction import is_contact
from services.incident.cases.domain.refusals import NO_CODE, category_not_in_use, no_case
from services.incident.cases.tables import LockedCase
from services.incident.categories import tables as category_tables
from services.incident.correcting import tables
from services.incident.correcting.batch import record
from services.incident.correcting.domain import CaseIsCorrect, CorrectCase, correct

router = EventRouter("incident")


@router.answers(CorrectCase)
async def correct_cases(commands: Batch[CorrectCase], db: Database) -> list[Answer]:
    cases = await case_tables.lock_by_number(db, ((c.tenant, c.case_no) for c in commands))
    named = {(c.tenant, c.category) for c in commands if c.category is not None}
    in_use = await category_tables.policies(db, named) if named else {}
    batch, corrected = CaseBatch(commands.now), dict[UUID, LockedCase]()
    answers: list[Answer] = []
    for command in commands:
        case = cases.get((command.tenant, command.case_no))
        if case is None:
            answers.append(Refused(404, "Not found", no_case(command.tenant, command.case_no)))
            continue
        case = corrected.get(case.case_id, case)
        name, category = case.content.category_name, command.category
        if category is not None and category != case.content.category:
            policy = in_use.get((command.tenant, category))
            if policy is None:
                unknown = category_not_in_use(command.tenant, category)
                answers.append(Refused(422, unknown.title, unknown.detail))
                continue
            name = policy.name
        answer, after = _correct(command, case, name, batch, commands.now)
        answers.append(answer)
        corrected |= {case.case_id: after} if after is not None else {}
    await batch.write(db)
    await tables.correct(db, corrected.values())
    return answers


def _correct(
    command: CorrectCase, case: LockedCase, category_name: str, batch: CaseBatch, now: datetime
) -> tuple[Answer, LockedCase | None]:
    """The answer, and the case as it is now where that is not as it was."""
    code = command.right.get(Corrected.COMPONENT)
    if code is not None and is_contact(code):
        return Refused(422, "Invalid component", NO_CODE), None
    before = batch.standing(case)
    after = correct(before, case.content, command.right, category_name)
    if isinstance(after, Sentence):
        return Refused(409, "Not for this kind of report", after), None
    if isinstance(after, Impossible):
        allowed = [transition.shown() for transition in after.allowed]
        return Refused(409, "Not in this state", after.detail, {"state": before.state, "allowed": allowed}), None
    reply = CaseIsCorrect(case.case_no, after.standing.state, after.corrected)
    if not after.corrected:
        return Done(reply), None
    corrected, fact = record(batch, case, after, command.by_member, command.reason, now)
    return Done(reply, [fact]), corrected
