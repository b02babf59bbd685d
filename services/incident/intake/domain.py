"""Taking a report: its fingerprint and number, and why it may be refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from libs.contracts.incident import ReportCase, Reported
from libs.contracts.values import Appointment, Place
from libs.sealing import MOST_IN_A_BOX, Sealer
from libs.sentences import Sentence
from libs.street_time import STREET_ZONE
from services.incident.cases.domain.redaction import is_contact, redact
from services.incident.cases.domain.refusals import NO_CODE, Refusal, category_not_in_use, no_nul

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
Scope = tuple[str, str, str]
"""(tenant, sender, key): by it a report that is sent again is known."""


@dataclass(frozen=True, slots=True)
class TakeReport:
    """A report with its tracking code, which is in the sealed contact already."""

    report: ReportCase
    tracking_code: str

    @property
    def tenant(self) -> str:
        return self.report.tenant


def scope_of(report: ReportCase) -> Scope:
    return report.tenant, report.sender, report.key


def fingerprint(report: ReportCase) -> bytes:
    """SHA-256 of what is reported. The contact has no part in it: even its hash could be guessed.

    What is left out has no part in it, either, so that a report is known again when reports have more fields.
    """
    said = {name: getattr(report, name) for name in Reported.model_fields}
    said = {name: value for name, value in said.items() if value is not None and value != ()}
    return sha256(json.dumps(said, default=_plain, sort_keys=True).encode()).digest()


def _plain(value: Any) -> list[Any]:
    """An appointment is the same in every offset, and may be of any year."""
    match value:
        case Place(point=point, name=name):
            return [name, list(point.model_dump().values()) if point else None]
        case Appointment(starts_at=starts_at, ends_at=ends_at):
            return [(at - _EPOCH) // _MICROSECOND for at in (starts_at, ends_at)]
    raise TypeError(value)


def case_number(now: datetime, number: int) -> str:
    """The day in the street and the number, such as 20261123-000042."""
    return f"{now.astimezone(STREET_ZONE):%Y%m%d}-{number:06d}"


def unstorable(report: ReportCase) -> Refusal | None:
    """Text that no database column can hold."""
    if "\0" in report.text or "\0" in (report.where.name or ""):
        return Refusal("Invalid text", no_nul("text, place.name"))
    return None


def unfit_component(report: ReportCase) -> Refusal | None:
    """The code goes on to others as it is: it must not be somebody's number."""
    return Refusal("Invalid component", NO_CODE) if report.component and is_contact(report.component) else None


def unfit_particulars(report: ReportCase) -> Refusal | None:
    """They go on to whoever does the work as they are."""
    for name, text in report.texts():
        if "\0" in text:
            return Refusal("Invalid text", no_nul(name))
        if redact(text) != text:
            zh = f"{name}：像是含有电话、证件号码或地址，请放在 contact 里，不要写在这里。"
            en = f"{name}: it looks as if it held a phone or identity number or an address; that belongs into contact."
            return Refusal("Contact in a particular", Sentence(zh, en))
    return None


def unfit_sender(report: ReportCase) -> Refusal | None:
    """Every fact about the case names it: it is a system or a page, and must not be somebody's number."""
    return Refusal("Unfit sender", NO_PERSON) if is_contact(report.sender) else None


NO_PERSON = Sentence(
    "sender（Wangge-Sender）：像是电话或证件号码，请写系统的名称，如 hotline-12345。",
    "sender (Wangge-Sender): it looks like a phone or identity number. It is the name of a system, such as "
    "hotline-12345.",
)


def unfit_contact(report: ReportCase, sealer: Sealer) -> Refusal | None:
    """A contact that notify could never open is refused: the sender would believe that the reporter hears of it."""
    sealed = report.sealed_contact
    if sealed is None:
        return None
    if sealed.key_id not in sealer.known:
        zh = f"sealed_contact.key_id {sealed.key_id}：notify 没有这个密钥；GET /v1/contact-key 给出现用的公钥。"
        en = (
            f"sealed_contact.key_id {sealed.key_id}: notify has no such key. GET /v1/contact-key names the present one."
        )
        return Refusal("Unfit contact", Sentence(zh, en))
    return None if sealer.is_box(sealed) else Refusal("Unfit contact", NO_BOX)


NO_BOX = Sentence(
    f"sealed_contact.box：应为 base64 的 libsodium 密封盒，最多 {MOST_IN_A_BOX} 个字符。",
    f"sealed_contact.box: it is a libsodium sealed box in base64, of {MOST_IN_A_BOX} characters at most.",
)


def unknown_category(report: ReportCase, *, street_known: bool) -> Refusal:
    if not street_known:
        zh = f"tenant {report.tenant}：没有这个街道的类别；应为街道的 9 位代码。"
        en = f"tenant {report.tenant}: no categories are known for this street. It is a street's 9-digit code."
        return Refusal("Unknown street", Sentence(zh, en))
    return category_not_in_use(report.tenant, report.category)


def key_used(report: ReportCase) -> Refusal:
    zh = (
        f"Idempotency-Key {report.key}：{report.sender} 已用它发过内容不同的上报。"
        "内容相同才会得到同样的回答；新的上报请用新的。"
    )
    en = (
        f"Idempotency-Key {report.key}: sender {report.sender} has sent a report with other content under it. "
        "Send the same content to have the same answer, or a new key for a new report."
    )
    return Refusal("Key used for another report", Sentence(zh, en))
