"""Parts of requests and answers that several rooms share."""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated, Any, Literal, Self

from fastapi import Depends, Path
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from libs.chassis.db.database import Database, Record
from libs.chassis.handlers import Answer, Done, Refused
from libs.chassis.http import Body, RefusedRequest, not_found
from libs.contracts.incident import Receipt
from libs.contracts.message import MemberId, Tenant
from libs.sealing import Sealer
from libs.sentences import Language, Sentence, Unfit
from services.incident.cases import tables
from services.incident.cases.domain.case import State
from services.incident.cases.domain.refusals import NO_SUCH_CODE, no_case
from services.incident.cases.domain.tracking_code import as_issued

CASE_NO = r"^[0-9]{8}-[0-9]{6,12}$"
CaseNo = Annotated[str, Path(pattern=CASE_NO, examples=["20261123-000042"])]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[^\x00]*$")]


class ByMember(Body):
    """Who of the staff asks for it, in which street."""

    tenant: Tenant
    by_member: MemberId


class InWords(BaseModel):
    zh: str
    en: str


class Decided(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    case_no: str
    state: State


class OneOfMany(BaseModel):
    """What became of one case of a request about many."""

    case_no: str
    status: int = Field(description="As the same asked of this case alone is answered: 200, 404, 409 or 422.")
    state: State | None = Field(description="The case as it is now; null when there is none.")
    detail: str | None = Field(description="Why not.")


def one_of_many(case_no: str, answer: Answer, language: Language) -> OneOfMany:
    if isinstance(answer, Done):
        return OneOfMany(case_no=case_no, status=200, state=answer.reply.state, detail=None)
    state, told = answer.extra.get("state"), answer.told(language)
    return OneOfMany(case_no=case_no, status=answer.status, state=state, detail=told)


async def case_or_404(db: Database, tenant: str, case_no: str) -> Record:
    found = await tables.case_by_number(db, tenant, case_no)
    if found is None:
        raise not_found(no_case(tenant, case_no))
    return found


async def tracked_or_404(db: Database, code: str) -> Record:
    """The case of a tracking code in the form in which it was issued."""
    found = await tables.case_by_code(db, code)
    if found is None:
        raise not_found(NO_SUCH_CODE)
    return found


async def _issued_or_404(code: str) -> str:
    # Async although it awaits nothing: FastAPI runs a plain function in a thread.
    issued = as_issued(code)
    if issued is None:
        raise not_found(NO_SUCH_CODE)
    return issued


IssuedCode = Annotated[str, Depends(_issued_or_404)]
"""The tracking code in the path as a person typed it, in the form in which it was issued."""


NO_SMS = Sentence(
    "目前不发短信：只留电话，不会收到进展通知；请凭查询码查看，或再留 email。",
    "No text messages are sent yet: nobody hears by a phone number alone. Follow the case by its tracking code, or "
    "give an email as well.",
)


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

    @property
    def note(self) -> str | None:
        """What who left it should know, in their language."""
        return None if self.email or self.webhook_url else NO_SMS.told(Language(self.language))

    def to_seal(self, tracking_code: str) -> dict[str, Any]:
        return {**self.model_dump(), "tracking_code": tracking_code}


class Taken(Receipt):
    note: str | None = Field(None, description="What the reporter should know, in their language; seldom there.")

    @classmethod
    def of(cls, receipt: Receipt, contact: Contact | None) -> Self:
        return cls(**dict(receipt), note=contact.note if contact else None)


sealer_for = cache(Sealer)

KEY_LENGTH = 128
KEY = re.compile(rf"[\x21-\x7e]{{1,{KEY_LENGTH}}}")
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


def fit_key(key: str | None) -> str:
    """The Idempotency-Key of a request. Raises RefusedRequest."""
    if not key:
        raise RefusedRequest(NO_KEY)
    if not KEY.fullmatch(key):
        raise RefusedRequest(_unfit_key(key))
    return key
