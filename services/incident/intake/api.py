"""Reporting over HTTP."""

from __future__ import annotations

import re
import secrets
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.types import Receive, Scope, Send

from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Refused
from libs.chassis.http import Body, CommandClient, RefusedRequest
from libs.contracts.incident import Receipt, ReportCase, Reported
from libs.contracts.message import Tenant
from libs.sentences import Sentence
from services.incident.cases.domain.tracking_code import TRACKING_BITS, tracking_code
from services.incident.cases.requests import Contact, Taken, fit_key, sealer_for
from services.incident.intake.domain import TakeReport
from services.incident.settings import Settings

router = APIRouter()


class Report(Body, Reported):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "tenant": "370784004",
                    "category": "11001",
                    "text": "村东头的路灯连着两晚不亮。",
                    "place": {"point": {"longitude": 119.2, "latitude": 36.4}},
                    "contact": {"email": "zhang@mail.example", "language": "zh"},
                }
            ]
        },
    )

    tenant: Tenant
    contact: Contact | None = None


class ContactKey(BaseModel):
    key_id: str = Field(description="Send it as `key_id` of `sealed_contact`.", examples=["9b1c2d3e4f506172"])
    public_key: str = Field(description="Of notify, X25519, 32 bytes in base64; it is not secret.")


@router.get("/v1/contact-key", tags=["reporting"])
async def contact_key(request: Request) -> ContactKey:
    """With what a system seals a contact that it sends over NATS."""
    sealer = sealer_for(request.app.state.settings.notify_public_key)
    return ContactKey(key_id=sealer.key_id, public_key=sealer.public_key)


SENDER = re.compile(r"[A-Za-z0-9._-]{1,64}")
NO_SENDER = Refused(
    422,
    "Unfit sender",
    Sentence(
        "Wangge-Sender 请求头可有 1 至 64 个 A-Z a-z 0-9 . _ -。",
        "The header Wangge-Sender may have 1 to 64 of A-Z a-z 0-9 . _ and -.",
    ),
)


async def report(
    body: Report,
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(description="Required. 1 to 128 visible ASCII characters; the same again has the same answer."),
    ] = None,
    wangge_sender: Annotated[
        str, Header(description="Who sends, 1 to 64 of A-Z a-z 0-9 . _ -; keys are the sender's own.")
    ] = "web",
) -> Taken:
    """Report something (上报). When this is answered, the report is stored and will not be lost."""
    key = fit_key(idempotency_key)
    if not SENDER.fullmatch(wangge_sender):
        raise RefusedRequest(NO_SENDER)
    state = request.app.state
    code = tracking_code(secrets.randbits(TRACKING_BITS))
    contact = body.contact
    sealed = sealer_for(Settings.of(state).notify_public_key).seal(contact.to_seal(code)) if contact else None
    wish = ReportCase(
        tenant=body.tenant,
        occurred_at=state.clock.now(),
        sender=wangge_sender,
        key=key,
        reporter_id=new_id() if sealed else None,
        sealed_contact=sealed,
        **{name: getattr(body, name) for name in Reported.model_fields},
    )
    receipt: Receipt = await CommandClient(request).send(TakeReport(wish, code))
    return Taken.of(receipt, contact)


class ReportRoute(APIRoute):
    """Gives `report` its parameters by hand: FastAPI's way takes longer than all the rest of taking a report."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await super().handle(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            # Whatever is in it is ours too: the place, its point, the appointment.
            body = Report.model_validate_json(await request.body(), extra="forbid")
        except ValidationError as error:
            errors = error.errors(include_input=False, include_url=False)
            raise RequestValidationError([{**e, "loc": ("body", *e["loc"])} for e in errors]) from None
        headers = request.headers
        taken = await report(body, request, headers.get("idempotency-key"), headers.get("wangge-sender", "web"))
        await Response(taken.model_dump_json(exclude_none=True), 201, media_type="application/json")(
            scope, receive, send
        )


router.add_api_route(
    "/v1/reports", report, methods=["POST"], status_code=201, tags=["reporting"], route_class_override=ReportRoute
)
