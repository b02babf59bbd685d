"""The street evaluates how closed cases were handled."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from libs.chassis.db.database import Database
from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Answer, Batch, Done, EventRouter, Refused
from libs.contracts.incident import CaseStreetEvaluated
from services.incident.cases import tables as case_tables
from services.incident.cases.batch import CaseBatch
from services.incident.cases.domain.refusals import Conflict, no_case
from services.incident.street_evaluations import tables
from services.incident.street_evaluations.domain import EvaluateForStreet, StreetEvaluation, evaluate

router = EventRouter("incident")


@router.answers(EvaluateForStreet)
async def evaluate_for_street(commands: Batch[EvaluateForStreet], db: Database) -> list[Answer]:
    cases = await case_tables.lock_by_number(db, ((c.tenant, c.case_no) for c in commands))
    said = await tables.of_closings(db, cases.values())
    batch = CaseBatch(commands.now)
    new: dict[UUID, dict[str, Any]] = {}
    answers: list[Answer] = []
    for command in commands:
        case = cases.get((command.tenant, command.case_no))
        if case is None:
            answers.append(Refused(404, "Not found", no_case(command.tenant, command.case_no)))
            continue
        standing, (org_id, earlier) = case.standing, said.get(case.case_id, ("", None))
        wanted = StreetEvaluation(command.grade, command.words, command.by_member)
        decision = evaluate(standing, earlier, wanted)
        if isinstance(decision, Conflict):
            extra = {"state": standing.state, "allowed": []}
            answers.append(Refused(409, decision.title, decision.detail, extra))
            continue
        if decision is earlier or standing.closing is None:
            answers.append(Done(decision))
            continue
        # Another process may have closed the case by a clock that is ahead: what is said of the closing comes after it.
        now = max(commands.now, standing.closing.at)
        said[case.case_id] = (org_id, decision)
        about = {"tenant": case.tenant, "case_id": case.case_id}
        content = {"grade": decision.grade, "by_member": decision.by_member}
        new[case.case_id] = {
            **about,
            **content,
            "closing": standing.closing.by,
            "words": decision.words,
            "evaluated_at": now,
        }
        batch.append_entry(case, standing, new_id(), "street_evaluated", now, content)
        fact = CaseStreetEvaluated(
            **about,
            **content,
            occurred_at=now,
            case_no=case.case_no,
            sender=case.sender,
            order_id=standing.closing.order_id,
            org_id=org_id,
        )
        answers.append(Done(decision, [fact]))
    await batch.write(db)
    await tables.insert(db, list(new.values()))
    return answers
