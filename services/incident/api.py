"""Reporting, following and evaluating a case over HTTP."""

from __future__ import annotations

import re
import secrets
from functools import cache
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Refused
from libs.chassis.http import CommandClient, CommandsDep, DatabaseDep, RefusedRequest, not_found
from libs.contracts.incident import Receipt, ReportCase
from libs.sealing import Sealer
from services.incident import answers, bodies, staff_api
from services.incident.bodies import OfStreet
from services.incident.domain.commands import (
    ChangeOwnAppointment,
    EvaluateCase,
    TakeReport,
)
from services.incident.domain.intake import TRACKING_BITS, as_issued, tracking_code
from services.incident.tables import views

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
    receipt: Receipt = await CommandClient(request).send(TakeReport(wish, code))
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
async def categories(tenant: OfStreet, db: DatabaseDep) -> list[answers.CategoryView]:
    """What can be reported in a street (类别)."""
    return [answers.CategoryView(**row) for row in await views.categories(db, tenant)]


@router.get("/v1/track/{code}", tags=["following"])
async def track(code: str, db: DatabaseDep) -> answers.PublicView:
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
    return answers.public_view(case, followed, timeline, evaluation)


@router.get("/v1/track/{code}/known", tags=["following"])
async def known(code: str, db: DatabaseDep) -> list[answers.KnownView]:
    """What is under way and may be the same matter: how it stands, for who has reported it too."""
    issued = as_issued(code)
    case = await views.case_by_code(db, issued) if issued else None
    if case is None:
        raise not_found(NO_SUCH_CODE)
    return [answers.known_view(other) for other, _ in await views.candidates(db, case)]


@router.post("/v1/track/{code}/feedback", tags=["following"])
async def evaluate(code: str, body: bodies.Feedback, commands: CommandsDep) -> answers.Evaluated:
    """Say how it was (评价), once for each closing and within 14 days. Not satisfied opens it again, at most twice."""
    issued = as_issued(code)
    if issued is None:
        raise not_found(NO_SUCH_CODE)
    done = await commands.send(EvaluateCase(issued, body.satisfied, body.words, body.closing))
    return answers.Evaluated.model_validate(done)


@router.post("/v1/track/{code}/appointment", tags=["following"])
async def change_own_appointment(
    code: str, body: bodies.OwnAppointment, commands: CommandsDep
) -> answers.AppointmentView:
    """Say when somebody shall come instead (改约), before the window that was named has begun."""
    issued = as_issued(code)
    if issued is None:
        raise not_found(NO_SUCH_CODE)
    return answers.AppointmentView.model_validate(await commands.send(ChangeOwnAppointment(issued, body.appointment)))


# After reporting: routes are tried in their sequence, and reports are what comes most often.
router.include_router(staff_api.router)
