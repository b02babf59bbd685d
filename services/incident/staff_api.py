"""Staff's decisions on cases, and their views of them, over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from libs.chassis.handlers import Refused
from libs.chassis.http import CommandsDep, DatabaseDep, RefusedRequest, not_found
from libs.chassis.pages import CSV_ANSWER, Page, as_csv, counter, decode_cursor, slice_page
from libs.contracts.incident import EndReason
from services.incident import answers, bodies
from services.incident.bodies import CaseNo, OfStreet
from services.incident.domain.case import Move, State
from services.incident.domain.commands import (
    ChangeAppointment,
    DecideCase,
    EvaluateForStreet,
    MergeCase,
    PutUnder,
    UnmergeCase,
)
from services.incident.domain.reasons import REASON_WORDS, REASONS_FOR
from services.incident.tables import street_evaluations, views

router = APIRouter(tags=["staff"])


@router.get("/v1/cases")
async def cases(wanted: Annotated[bodies.WantedPage, Query()], db: DatabaseDep) -> Page[answers.CaseLine]:
    """Cases of a street, a page at a time, by when they were reported."""
    after, asked = decode_cursor(wanted.after), wanted.parameters()
    newest = wanted.sort == "newest"
    rows = await views.cases(db, asked, after, wanted.limit, newest=newest)
    count = counter(db, views.COUNT, asked) if after is None else None
    found = await slice_page(rows, wanted.limit, "case_id", count)
    return Page(items=[answers.case_line(row) for row in found.rows], next=found.next, total=found.total)


@router.get("/v1/cases.csv", response_class=StreamingResponse, responses=CSV_ANSWER)
async def cases_as_csv(wanted: Annotated[bodies.Wanted, Query()], request: Request) -> StreamingResponse:
    """The same as a file for spreadsheets, all of them, from the oldest on."""
    return as_csv(
        request.app.state.engine,
        views.EXPORT,
        wanted.parameters(),
        answers.CSV_COLUMNS,
        answers.csv_line,
        f"cases-{wanted.tenant}",
    )


@router.post("/v1/cases/moves")
async def move_cases(body: bodies.Moving, commands: CommandsDep) -> list[answers.Moved]:
    """Accept, reject or void many cases at once; each is answered on its own, in the order in which it was named."""
    move = Move(body.move)
    if (body.reason is None) == (move in REASONS_FOR):
        wrong = f"body.reason: {'needed' if body.reason is None else 'not for'} to {move} a case."
        raise RefusedRequest(Refused(422, "Unfit reason", wrong))
    if body.reason is not None:
        _fits(body.reason, move)
    numbers = list(dict.fromkeys(body.case_nos))
    wishes = [DecideCase(body.tenant, n, move, body.by_member, body.reason, body.note) for n in numbers]
    return [answers.moved(n, answer) for n, answer in zip(numbers, await commands.send_all(wishes), strict=True)]


@router.get("/v1/cases/counts")
async def case_counts(tenant: OfStreet, db: DatabaseDep) -> dict[State, int]:
    """How many cases of a street are in each state."""
    counted = await views.counts(db, tenant)
    return {state: counted.get(state, 0) for state in State}


@router.get("/v1/cases/{case_no}")
async def case(
    case_no: CaseNo,
    tenant: OfStreet,
    db: DatabaseDep,
    as_of: Annotated[
        AwareDatetime | None, Query(description="How it stood by what was known at this time, with an offset or Z.")
    ] = None,
) -> answers.StaffView:
    """A case with its whole timeline."""
    found = await views.case_by_number(db, tenant, case_no)
    if found is None:
        raise not_found(f"Street {tenant} has no case {case_no}.")
    timeline = await views.timeline(db, found)
    shown = answers.staff_view(found, timeline) if as_of is None else answers.staff_view_at(found, timeline, as_of)
    if shown is None:
        raise not_found(f"Case {case_no} was not reported before {found.reported_at.isoformat()}.")
    children = [answers.ChildView(**child) for child in await views.children(db, found)]
    said = await street_evaluations.of_case(db, found) if found.closed_by else None
    if said is not None and (as_of is None or said.evaluated_at <= as_of):
        shown = shown.model_copy(update={"street_evaluation": answers.StreetEvaluated.model_validate(said)})
    return shown.model_copy(update={"joined": await views.joined(db, found), "children": children})


@router.get("/v1/cases/{case_no}/candidates")
async def candidates(case_no: CaseNo, tenant: OfStreet, db: DatabaseDep) -> list[answers.CandidateView]:
    """Cases under way that may be the same matter (疑似重复), the likeliest first, with reasons."""
    found = await views.case_by_number(db, tenant, case_no)
    if found is None:
        raise not_found(f"Street {tenant} has no case {case_no}.")
    return [answers.candidate_view(other, why) for other, why in await views.candidates(db, found)]


@router.get("/v1/reasons")
async def reasons() -> list[answers.ReasonView]:
    """The reasons for which a report or case ends without being worked on."""
    return [
        answers.ReasonView(
            reason=reason, zh=words.zh, en=words.en, moves=[m for m, listed in REASONS_FOR.items() if reason in listed]
        )
        for reason, words in REASON_WORDS.items()
    ]


@router.post("/v1/cases/{case_no}/accept")
async def accept(case_no: CaseNo, body: bodies.Acceptance, commands: CommandsDep) -> answers.Decided:
    """Register a case that waits for it (受理立案)."""
    return await _decide(commands, case_no, body, Move.ACCEPT, None, None)


@router.post("/v1/cases/{case_no}/reject")
async def reject(case_no: CaseNo, body: bodies.Rejection, commands: CommandsDep) -> answers.Decided:
    """Reject a report (不予受理); the reporter is told the reason."""
    return await _end(commands, case_no, body, Move.REJECT)


@router.post("/v1/cases/{case_no}/void")
async def void(case_no: CaseNo, body: bodies.Rejection, commands: CommandsDep) -> answers.Decided:
    """Say that a case should not have been one (作废): its order is cancelled, the reporter is told the reason."""
    return await _end(commands, case_no, body, Move.VOID)


@router.post("/v1/cases/{case_no}/verify")
async def verify(case_no: CaseNo, body: bodies.Verification, commands: CommandsDep) -> answers.Decided:
    """Say what was found on site (核实): a true report is registered, another is rejected with the note as reason."""
    if body.true_report:
        return await _decide(commands, case_no, body, Move.CONFIRM, None, body.note)
    return await _decide(commands, case_no, body, Move.DISPROVE, EndReason.UNTRUE, body.note)


@router.post("/v1/cases/{case_no}/appointment")
async def change_appointment(
    case_no: CaseNo, body: bodies.NewAppointment, commands: CommandsDep
) -> answers.AppointmentView:
    """Say when somebody comes instead (改约), until it is done; who has the order and who reported are told."""
    done = await commands.send(ChangeAppointment(body.tenant, case_no, body.appointment, body.by_member))
    return answers.AppointmentView.model_validate(done)


@router.post("/v1/cases/{case_no}/street-evaluation")
async def evaluate_for_street(
    case_no: CaseNo, body: bodies.StreetEvaluation, commands: CommandsDep
) -> answers.StreetEvaluated:
    """Say for the street how a closed case was handled (街道评价), once for each closing."""
    done = await commands.send(EvaluateForStreet(body.tenant, case_no, body.grade, body.words, body.by_member))
    return answers.StreetEvaluated.model_validate(done)


@router.post("/v1/cases/{case_no}/merge")
async def merge(case_no: CaseNo, body: bodies.Merging, commands: CommandsDep) -> answers.Decided:
    """Merge a case into another of the same matter (合并), which survives and which all reporters then follow."""
    done = await commands.send(MergeCase(body.tenant, case_no, body.into, body.by_member, body.note))
    return answers.Decided.model_validate(done)


@router.post("/v1/cases/{case_no}/unmerge")
async def unmerge(case_no: CaseNo, body: bodies.Unmerging, commands: CommandsDep) -> answers.Decided:
    """Take a merged case out again (取消合并): it is registered on its own; what happened in between is kept."""
    done = await commands.send(UnmergeCase(body.tenant, case_no, body.by_member, body.note))
    return answers.Decided.model_validate(done)


@router.put("/v1/cases/{case_no}/parent")
async def put_under(case_no: CaseNo, body: bodies.Parent, commands: CommandsDep) -> answers.Decided:
    """Make a case a part of another (子案件), or take it out: a link, each goes its own way."""
    done = await commands.send(PutUnder(body.tenant, case_no, body.parent, body.by_member))
    return answers.Decided.model_validate(done)


def _fits(reason: EndReason, move: Move) -> None:
    if reason not in REASONS_FOR[move]:
        fitting = ", ".join(REASONS_FOR[move])
        raise RefusedRequest(Refused(422, "Unfit reason", f"body.reason: to {move} a case, one of {fitting}."))


async def _end(commands: CommandsDep, case_no: CaseNo, body: bodies.Rejection, move: Move) -> answers.Decided:
    _fits(body.reason, move)
    return await _decide(commands, case_no, body, move, body.reason, body.note)


async def _decide(
    commands: CommandsDep,
    case_no: CaseNo,
    body: bodies.Acceptance,
    move: Move,
    reason: EndReason | None,
    note: str | None,
) -> answers.Decided:
    done = await commands.send(DecideCase(body.tenant, case_no, move, body.by_member, reason, note))
    return answers.Decided.model_validate(done)
