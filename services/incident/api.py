"""Reporting, following and evaluating a case over HTTP; staff's decisions and views."""

from __future__ import annotations

import re
import secrets
from functools import cache
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response, StreamingResponse
from fastapi.routing import APIRoute
from pydantic import AwareDatetime, ValidationError
from starlette.types import Receive, Scope, Send

from libs.chassis.handlers import Refused
from libs.chassis.http import Asking, Desk, Reading, RefusedRequest, not_found
from libs.chassis.ids import new_id
from libs.chassis.pages import CSV_ANSWER, Page, as_csv, counter, part, position
from libs.chassis.seal import Sealer
from libs.contracts.incident import EndReason, Receipt, ReportCase
from libs.contracts.message import Tenant
from services.incident import bodies
from services.incident.domain.case import Move, State
from services.incident.domain.commands import (
    ChangeAppointment,
    ChangeOwnAppointment,
    DecideCase,
    EvaluateCase,
    EvaluateForStreet,
    MergeCase,
    PutUnder,
    TakeReport,
    UnmergeCase,
)
from services.incident.domain.intake import TRACKING_BITS, as_issued, tracking_code
from services.incident.domain.reasons import REASON_WORDS, REASONS_FOR
from services.incident.tables import street_evaluations, views

router = APIRouter()

KEY = re.compile(r"[\x21-\x7e]{1,128}")
SENDER = re.compile(r"[A-Za-z0-9._-]{1,64}")
NO_KEY = Refused(
    422,
    "Idempotency-Key needed",
    "Send a header Idempotency-Key of 1 to 128 visible ASCII characters, such as a UUID, new for each report and "
    "the same when a report is sent again.",
)
NO_SENDER = Refused(422, "Unfit sender", "The header Wangge-Sender may have 1 to 64 of A-Z a-z 0-9 . _ and -.")

sealer_for = cache(Sealer)

NO_SUCH_CODE = "There is no case with this tracking code."

CaseNo = Annotated[str, Path(pattern=bodies.CASE_NO, examples=["20261123-000042"])]
OfStreet = Annotated[Tenant, Query(description="The street's 9-digit code.", examples=["370784004"])]


async def report(
    body: bodies.Report,
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(description="Required. 1 to 128 visible ASCII characters; the same again has the same answer."),
    ] = None,
    wangge_sender: Annotated[
        str, Header(description="Who sends, 1 to 64 of A-Z a-z 0-9 . _ -; keys are the sender's own.")
    ] = "web",
) -> Receipt:
    """Report something (上报). When this is answered, the report is stored and will not be lost."""
    if idempotency_key is None or not KEY.fullmatch(idempotency_key):
        raise RefusedRequest(NO_KEY)
    if not SENDER.fullmatch(wangge_sender):
        raise RefusedRequest(NO_SENDER)
    state = request.app.state
    code = tracking_code(secrets.randbits(TRACKING_BITS))
    contact = body.contact
    sealed = sealer_for(state.settings.notify_public_key).seal(contact.to_seal(code)) if contact else None
    wish = ReportCase(
        tenant=body.tenant,
        occurred_at=state.clock.now(),
        sender=wangge_sender,
        key=idempotency_key,
        category=body.category,
        text=body.text,
        place=body.place,
        request_kind=body.request_kind,
        reporter_id=new_id() if sealed else None,
        sealed_contact=sealed,
        reported_by_member=body.reported_by_member,
        appointment=body.appointment,
        documents=body.documents,
    )
    receipt: Receipt = await Desk(request).ask(TakeReport(wish, code))
    return receipt


class ReportRoute(APIRoute):
    """Gives `report` its parameters by hand: FastAPI's way takes longer than all the rest of taking a report."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await super().handle(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            body = bodies.Report.model_validate_json(await request.body())
        except ValidationError as error:
            errors = error.errors(include_input=False, include_url=False, include_context=False)
            raise RequestValidationError([{**e, "loc": ("body", *e["loc"])} for e in errors]) from None
        headers = request.headers
        receipt = await report(body, request, headers.get("idempotency-key"), headers.get("wangge-sender", "web"))
        await Response(receipt.model_dump_json(), 201, media_type="application/json")(scope, receive, send)


router.add_api_route(
    "/v1/reports", report, methods=["POST"], status_code=201, tags=["reporting"], route_class_override=ReportRoute
)


@router.get("/v1/categories", tags=["reporting"])
async def categories(tenant: OfStreet, db: Reading) -> list[bodies.CategoryView]:
    """What can be reported in a street (类别)."""
    return [bodies.CategoryView(**row) for row in await views.categories(db, tenant)]


@router.get("/v1/track/{code}", tags=["following"])
async def track(code: str, db: Reading) -> bodies.PublicView:
    """How a case stands, for the person who has its tracking code."""
    issued = as_issued(code)
    case = await views.case_by_code(db, issued) if issued else None
    if case is None:
        raise not_found(NO_SUCH_CODE)
    followed, timeline = case, await views.timeline(db, case)
    if case.merged_into is not None:
        followed = await views.case_by_number(db, case.tenant, case.merged_into) or case
        timeline += await views.timeline(db, followed)
    evaluation = await views.evaluation(db, followed, case.case_no) if followed.closed_by else None
    return bodies.public_view(case, followed, timeline, evaluation)


@router.get("/v1/track/{code}/known", tags=["following"])
async def known(code: str, db: Reading) -> list[bodies.KnownView]:
    """What is under way and may be the same matter: how it stands, for who has reported it too."""
    issued = as_issued(code)
    case = await views.case_by_code(db, issued) if issued else None
    if case is None:
        raise not_found(NO_SUCH_CODE)
    return [bodies.known_view(other) for other, _ in await views.candidates(db, case)]


@router.post("/v1/track/{code}/feedback", tags=["following"])
async def evaluate(code: str, body: bodies.Feedback, desk: Asking) -> bodies.Evaluated:
    """Say how it was (评价), once for each closing and within 14 days. Not satisfied opens it again, at most twice."""
    issued = as_issued(code)
    if issued is None:
        raise not_found(NO_SUCH_CODE)
    done = await desk.ask(EvaluateCase(issued, body.satisfied, body.words, body.closing))
    return bodies.Evaluated.model_validate(done)


@router.post("/v1/track/{code}/appointment", tags=["following"])
async def change_own_appointment(code: str, body: bodies.OwnAppointment, desk: Asking) -> bodies.AppointmentView:
    """Say when somebody shall come instead (改约), before the window that was named has begun."""
    issued = as_issued(code)
    if issued is None:
        raise not_found(NO_SUCH_CODE)
    return bodies.AppointmentView.model_validate(await desk.ask(ChangeOwnAppointment(issued, body.appointment)))


@router.get("/v1/cases", tags=["staff"])
async def cases(wanted: Annotated[bodies.WantedPage, Query()], db: Reading) -> Page[bodies.CaseLine]:
    """Cases of a street, a page at a time, by when they were reported."""
    after, asked = position(wanted.after), wanted.parameters()
    newest = wanted.sort == "newest"
    rows = await views.cases(db, asked, after, wanted.limit, newest=newest)
    count = counter(db, views.COUNT, asked) if after is None else None
    found = await part(rows, wanted.limit, "case_id", count)
    return Page(items=[bodies.case_line(row) for row in found.rows], next=found.next, total=found.total)


@router.get("/v1/cases.csv", tags=["staff"], response_class=StreamingResponse, responses=CSV_ANSWER)
async def cases_as_csv(wanted: Annotated[bodies.Wanted, Query()], request: Request) -> StreamingResponse:
    """The same as a file for spreadsheets, all of them, from the oldest on."""
    return as_csv(
        request.app.state.engine,
        views.EXPORT,
        wanted.parameters(),
        bodies.CSV_COLUMNS,
        bodies.csv_line,
        f"cases-{wanted.tenant}",
    )


@router.post("/v1/cases/moves", tags=["staff"])
async def move_cases(body: bodies.Moving, desk: Asking) -> list[bodies.Moved]:
    """Accept, reject or void many cases at once; each is answered on its own, in the order in which it was named."""
    move = Move(body.move)
    if (body.reason is None) == (move in REASONS_FOR):
        wrong = f"body.reason: {'needed' if body.reason is None else 'not for'} to {move} a case."
        raise RefusedRequest(Refused(422, "Unfit reason", wrong))
    if body.reason is not None:
        _fits(body.reason, move)
    numbers = list(dict.fromkeys(body.case_nos))
    wishes = [DecideCase(body.tenant, n, move, body.by_member, body.reason, body.note) for n in numbers]
    return [bodies.moved(n, answer) for n, answer in zip(numbers, await desk.ask_all(wishes), strict=True)]


@router.get("/v1/cases/counts", tags=["staff"])
async def case_counts(tenant: OfStreet, db: Reading) -> dict[State, int]:
    """How many cases of a street are in each state."""
    counted = await views.counts(db, tenant)
    return {state: counted.get(state, 0) for state in State}


@router.get("/v1/cases/{case_no}", tags=["staff"])
async def case(
    case_no: CaseNo,
    tenant: OfStreet,
    db: Reading,
    as_of: Annotated[
        AwareDatetime | None, Query(description="How it stood by what was known at this time, with an offset or Z.")
    ] = None,
) -> bodies.StaffView:
    """A case with its whole timeline."""
    found = await views.case_by_number(db, tenant, case_no)
    if found is None:
        raise not_found(f"Street {tenant} has no case {case_no}.")
    timeline = await views.timeline(db, found)
    shown = bodies.staff_view(found, timeline) if as_of is None else bodies.staff_view_at(found, timeline, as_of)
    if shown is None:
        raise not_found(f"Case {case_no} was not reported before {found.reported_at.isoformat()}.")
    children = [bodies.ChildView(**child) for child in await views.children(db, found)]
    said = await street_evaluations.of_case(db, found) if found.closed_by else None
    if said is not None and (as_of is None or said.evaluated_at <= as_of):
        shown = shown.model_copy(update={"street_evaluation": bodies.StreetEvaluated.model_validate(said)})
    return shown.model_copy(update={"joined": await views.joined(db, found), "children": children})


@router.get("/v1/cases/{case_no}/candidates", tags=["staff"])
async def candidates(case_no: CaseNo, tenant: OfStreet, db: Reading) -> list[bodies.CandidateView]:
    """Cases under way that may be the same matter (疑似重复), the likeliest first, with reasons."""
    found = await views.case_by_number(db, tenant, case_no)
    if found is None:
        raise not_found(f"Street {tenant} has no case {case_no}.")
    return [bodies.candidate_view(other, why) for other, why in await views.candidates(db, found)]


@router.get("/v1/reasons", tags=["staff"])
async def reasons() -> list[bodies.ReasonView]:
    """The reasons for which a report or case ends without being worked on."""
    return [
        bodies.ReasonView(
            reason=reason, zh=words.zh, en=words.en, moves=[m for m, listed in REASONS_FOR.items() if reason in listed]
        )
        for reason, words in REASON_WORDS.items()
    ]


@router.post("/v1/cases/{case_no}/accept", tags=["staff"])
async def accept(case_no: CaseNo, body: bodies.Acceptance, desk: Asking) -> bodies.Decided:
    """Register a case that waits for it (受理立案)."""
    return await _decide(desk, case_no, body, Move.ACCEPT, None, None)


@router.post("/v1/cases/{case_no}/reject", tags=["staff"])
async def reject(case_no: CaseNo, body: bodies.Rejection, desk: Asking) -> bodies.Decided:
    """Reject a report (不予受理); the reporter is told the reason."""
    return await _end(desk, case_no, body, Move.REJECT)


@router.post("/v1/cases/{case_no}/void", tags=["staff"])
async def void(case_no: CaseNo, body: bodies.Rejection, desk: Asking) -> bodies.Decided:
    """Say that a case should not have been one (作废): its order is cancelled, the reporter is told the reason."""
    return await _end(desk, case_no, body, Move.VOID)


@router.post("/v1/cases/{case_no}/verify", tags=["staff"])
async def verify(case_no: CaseNo, body: bodies.Verification, desk: Asking) -> bodies.Decided:
    """Say what was found on site (核实): a true report is registered, another is rejected with the note as reason."""
    if body.true_report:
        return await _decide(desk, case_no, body, Move.CONFIRM, None, body.note)
    return await _decide(desk, case_no, body, Move.DISPROVE, EndReason.UNTRUE, body.note)


@router.post("/v1/cases/{case_no}/appointment", tags=["staff"])
async def change_appointment(case_no: CaseNo, body: bodies.NewAppointment, desk: Asking) -> bodies.AppointmentView:
    """Say when somebody comes instead (改约), until it is done; who has the order and who reported are told."""
    done = await desk.ask(ChangeAppointment(body.tenant, case_no, body.appointment, body.by_member))
    return bodies.AppointmentView.model_validate(done)


@router.post("/v1/cases/{case_no}/street-evaluation", tags=["staff"])
async def evaluate_for_street(case_no: CaseNo, body: bodies.StreetEvaluation, desk: Asking) -> bodies.StreetEvaluated:
    """Say for the street how a closed case was handled (街道评价), once for each closing."""
    done = await desk.ask(EvaluateForStreet(body.tenant, case_no, body.grade, body.words, body.by_member))
    return bodies.StreetEvaluated.model_validate(done)


@router.post("/v1/cases/{case_no}/merge", tags=["staff"])
async def merge(case_no: CaseNo, body: bodies.Merging, desk: Asking) -> bodies.Decided:
    """Merge a case into another of the same matter (合并), which survives and which all reporters then follow."""
    done = await desk.ask(MergeCase(body.tenant, case_no, body.into, body.by_member, body.note))
    return bodies.Decided.model_validate(done)


@router.post("/v1/cases/{case_no}/unmerge", tags=["staff"])
async def unmerge(case_no: CaseNo, body: bodies.Unmerging, desk: Asking) -> bodies.Decided:
    """Take a merged case out again (取消合并): it is registered on its own; what happened in between is kept."""
    done = await desk.ask(UnmergeCase(body.tenant, case_no, body.by_member, body.note))
    return bodies.Decided.model_validate(done)


@router.put("/v1/cases/{case_no}/parent", tags=["staff"])
async def put_under(case_no: CaseNo, body: bodies.Parent, desk: Asking) -> bodies.Decided:
    """Make a case a part of another (子案件), or take it out: a link, each goes its own way."""
    done = await desk.ask(PutUnder(body.tenant, case_no, body.parent, body.by_member))
    return bodies.Decided.model_validate(done)


def _fits(reason: EndReason, move: Move) -> None:
    if reason not in REASONS_FOR[move]:
        fitting = ", ".join(REASONS_FOR[move])
        raise RefusedRequest(Refused(422, "Unfit reason", f"body.reason: to {move} a case, one of {fitting}."))


async def _end(desk: Asking, case_no: CaseNo, body: bodies.Rejection, move: Move) -> bodies.Decided:
    _fits(body.reason, move)
    return await _decide(desk, case_no, body, move, body.reason, body.note)


async def _decide(
    desk: Asking, case_no: CaseNo, body: bodies.Acceptance, move: Move, reason: EndReason | None, note: str | None
) -> bodies.Decided:
    done = await desk.ask(DecideCase(body.tenant, case_no, move, body.by_member, reason, note))
    return bodies.Decided.model_validate(done)
