"""Reporting over HTTP."""

from __future__ import annotations

import re
import secrets
from functools import cache
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic import ConfigDict, Field, StringConstraints, ValidationError, model_validator
from starlette.types import Receive, Scope, Send

from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Refused
from libs.chassis.http import Body, CommandClient, RefusedRequest
from libs.contracts.incident import Receipt, ReportCase, Text
from libs.contracts.message import CategoryCode, MemberId, Tenant
from libs.contracts.values import Appointment, Documents, Place, RequestKind
from libs.sealing import Sealer
from libs.sentences import Sentence, Unfit
from services.incident.cases.domain.tracking_code import TRACKING_BITS, tracking_code
from services.incident.intake.domain import TakeReport

router = APIRouter()


class Contact(Body):
    """How the reporter wants to hear of it. It is sealed on arrival, and only notify can read it."""

    email: Annotated[str, StringConstraints(max_length=254, pattern=r"^[^\s@]+@[^\s@]+$")] | None = None
    phone: Annotated[str, StringConstraints(max_length=32, pattern=r"^\+?[0-9 ()-]{5,31}$")] | None = None
    webhook_url: Annotated[str, StringConstraints(max_length=1000, pattern=r"^https?://[\x21-\x7e]+$")] | None = None
    language: Literal["zh", "en"] = "zh"

    @model_validator(mode="after")
    def _reaches_somebody(self) -> Self:
        if self.email is None and self.phone is None and self.webhook_url is None:
            raise Unfit(
                "联系方式要有 email、phone 或 webhook_url；不写则匿名",
                "a contact needs an email, a phone or a webhook_url; leave it out to stay unknown",
            )
        return self

    def to_seal(self, tracking_code: str) -> dict[str, Any]:
        return {**self.model_dump(), "tracking_code": tracking_code}


class Report(Body):
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
    category: CategoryCode
    text: Text
    place: Place
    request_kind: RequestKind = RequestKind.SNAPSHOT
    contact: Contact | None = None
    reported_by_member: MemberId | None = None
    appointment: Appointment | None = Field(None, description="For service orders and errands; without it, any time.")
    documents: Documents = Field((), description="Names of papers, for service orders and errands.")


KEY_LENGTH = 128
KEY = re.compile(rf"[\x21-\x7e]{{1,{KEY_LENGTH}}}")
SENDER = re.compile(r"[A-Za-z0-9._-]{1,64}")
NO_KEY = Refused(
    422,
    "Idempotency-Key needed",
    Sentence(
        "需要 Idempotency-Key 请求头：1 至 128 个可见 ASCII 字符，如 UUID；每次上报一个新的，重发时用同一个。",
        "Send a header Idempotency-Key of 1 to 128 visible ASCII characters, such as a UUID, new for each report and "
        "the same when a report is sent again.",
    ),
)


def _unfit_key(key: str) -> Refused:
    if len(key) > KEY_LENGTH:
        wrong = Sentence(
            f"Idempotency-Key 有 {len(key)} 个字符，最多 {KEY_LENGTH} 个。",
            f"The Idempotency-Key has {len(key)} characters, and may have {KEY_LENGTH}.",
        )
    else:
        wrong = Sentence(
            "Idempotency-Key 只能有可见 ASCII 字符，不能有空格，如 UUID。",
            "The Idempotency-Key may have visible ASCII characters only, no spaces: a UUID will do.",
        )
    return Refused(422, "Unfit Idempotency-Key", wrong)


NO_SENDER = Refused(
    422,
    "Unfit sender",
    Sentence(
        "Wangge-Sender 请求头可有 1 至 64 个 A-Z a-z 0-9 . _ -。",
        "The header Wangge-Sender may have 1 to 64 of A-Z a-z 0-9 . _ and -.",
    ),
)
sealer_for = cache(Sealer)


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
) -> Receipt:
    """Report something (上报). When this is answered, the report is stored and will not be lost."""
    if not idempotency_key:
        raise RefusedRequest(NO_KEY)
    if not KEY.fullmatch(idempotency_key):
        raise RefusedRequest(_unfit_key(idempotency_key))
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
            # Whatever is in it is ours too: the place, its point, the appointment.
            body = Report.model_validate_json(await request.body(), extra="forbid")
        except ValidationError as error:
            errors = error.errors(include_input=False, include_url=False)
            raise RequestValidationError([{**e, "loc": ("body", *e["loc"])} for e in errors]) from None
        headers = request.headers
        receipt = await report(body, request, headers.get("idempotency-key"), headers.get("wangge-sender", "web"))
        await Response(receipt.model_dump_json(), 201, media_type="application/json")(scope, receive, send)


router.add_api_route(
    "/v1/reports", report, methods=["POST"], status_code=201, tags=["reporting"], route_class_override=ReportRoute
)
