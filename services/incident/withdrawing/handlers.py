"""Reports taken back by who made them."""

from __future__ import annotations

from libs.chassis.db.database import Database
from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Answer, Batch, Done, EventRouter, Refused
from libs.contracts.incident import EndReason
from libs.sentences import Sentence
from services.incident.cases import facts
from services.incident.cases import tables as case_tables
from services.incident.cases.batch import CaseBatch
from services.incident.cases.domain.case import Decided, Move, State
from services.incident.cases.domain.refusals import NO_SUCH_CODE
from services.incident.merging import tables as merging_tables
from services.incident.withdrawing.domain import WithdrawCase, withdraw

router = EventRouter("incident")


@router.answers(WithdrawCase)
async def withdraw_cases(commands: Batch[WithdrawCase], db: Database) -> list[Answer]:
    own = await case_tables.followed(db, (c.tracking_code for c in commands))
    keys = {code: (tenant, case_no) for code, (tenant, case_no, _) in own.items()}
    cases = await case_tables.lock_by_number(db, keys.values())
    survivors = await merging_tables.survivors(db, keys.values())
    batch = CaseBatch(commands.now)
    answers: list[Answer] = []
    for command in commands:
        key = keys.get(command.tracking_code)
        if key is None:
            answers.append(Refused(404, "Not found", NO_SUCH_CODE))
            continue
        case = cases[key]
        before = batch.standing(case)
        if before.state is State.VOID:
            answers.append(Done(Decided(case.case_no, before.state)))
            continue
        after = withdraw(before, shared=key in survivors or case.followers > 0)
        if isinstance(after, Sentence):
            answers.append(Refused(409, "Not possible now", after, {"state": before.state, "allowed": []}))
            continue
        details = {"move": Move.WITHDRAW, "reason": EndReason.WITHDRAWN, "note": None, "words": command.words}
        batch.append_entry(case, after, new_id(), after.state, commands.now, details)
        fact = facts.of_decision(case, before, after, EndReason.WITHDRAWN, None, commands.now)
        answers.append(Done(Decided(case.case_no, after.state), [fact]))
    await batch.write(db)
    return answers
