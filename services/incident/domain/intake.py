"""Taking a report: its fingerprint and number, and why it may be refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from libs.contracts.incident import ReportCase
from libs.contracts.values import Appointment
from libs.street_time import STREET_ZONE

# China has had one zone without summer time since 1991, so no zone file is needed.

TRACKING_BITS = 65
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ALPHABET = frozenset(_CROCKFORD)
_MISREAD = str.maketrans("OIL", "011", "- ")

Scope = tuple[str, str, str]
"""(tenant, sender, key): by it a report that is sent again is known."""


@dataclass(frozen=True, slots=True)
class Refusal:
    title: str
    detail: str


def scope(report: ReportCase) -> Scope:
    return report.tenant, report.sender, report.key


def fingerprint(report: ReportCase) -> bytes:
    """SHA-256 of what is reported. The contact has no part in it: even its hash could be guessed."""
    point = report.place.point
    parts = [
        report.category,
        report.request_kind,
        report.text,
        report.place.name,
        (point.longitude, point.latitude) if point else None,
        report.reported_by_member,
        _instants(report.appointment),
        report.documents,
    ]
    return sha256(json.dumps(parts).encode()).digest()


def _instants(appointment: Appointment | None) -> list[int] | None:
    """The same in every offset, and of any year."""
    if appointment is None:
        return None
    return [(at - _EPOCH) // _MICROSECOND for at in (appointment.starts_at, appointment.ends_at)]


def case_numbers(now: datetime, numbers: list[int]) -> list[str]:
    """The day in the street and the number, such as 20261123-000042."""
    day = now.astimezone(STREET_ZONE).strftime("%Y%m%d")
    return [f"{day}-{number:06d}" for number in numbers]


def tracking_code(random_bits: int) -> str:
    """13 characters of Crockford's base 32 for 65 random bits."""
    return "".join([_CROCKFORD[random_bits >> shift & 31] for shift in range(60, -1, -5)])


def as_issued(typed: str) -> str | None:
    """A tracking code as a person typed it, in the form in which it was issued; None when it cannot be one."""
    code = typed.upper().translate(_MISREAD)
    return code if len(code) == 13 and set(code) <= _ALPHABET else None


def unstorable(report: ReportCase) -> Refusal | None:
    """Text that no database column can hold."""
    if "\0" in report.text or "\0" in (report.place.name or ""):
        return Refusal("Invalid text", "text and place.name may not hold the character U+0000; leave it out.")
    return None


def unknown_category(report: ReportCase, *, street_known: bool) -> Refusal:
    if not street_known:
        return Refusal(
            "Unknown street",
            f"tenant {report.tenant}: no categories are known for this street. It is a street's 9-digit code.",
        )
    return Refusal(
        "Unknown category",
        f"category {report.category}: street {report.tenant} has none of this code in use. "
        f"GET /v1/categories?tenant={report.tenant} lists those it has.",
    )


def key_used(report: ReportCase) -> Refusal:
    return Refusal(
        "Key used for another report",
        f"Idempotency-Key {report.key}: sender {report.sender} has sent a report with other content under it. "
        "Send the same content to have the same answer, or a new key for a new report.",
    )
