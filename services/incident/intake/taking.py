"""Takes a group of reports in four round trips, however many they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from libs.chassis.db.database import Database
from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Answer, Done, Refused
from libs.contracts.incident import CaseRegistered, CaseReported, Receipt, ReportCase, VerifyAsked
from libs.contracts.message import Event
from services.incident.appointments.domain import unfit
from services.incident.cases import tables as case_tables
from services.incident.cases.domain import history
from services.incident.cases.domain.case import State, begin
from services.incident.cases.domain.content import Content
from services.incident.cases.domain.history import Entry
from services.incident.cases.domain.refusals import Refusal
from services.incident.categories import tables as category_tables
from services.incident.categories.tables import Policy
from services.incident.intake import tables
from services.incident.intake.domain import (
    Scope,
    case_number,
    fingerprint,
    key_used,
    scope_of,
    unfit_component,
    unfit_particulars,
    unfit_sender,
    unknown_category,
    unstorable,
)

Coded = tuple[ReportCase, str]
"""A report and its tracking code."""


class NotTaken(Exception):
    """A report was neither new nor known: its tracking code is another's. Sent again, it gets a new one."""


async def take(
    reports: Sequence[Coded], now: datetime, db: Database, meetings: Mapping[Scope, UUID] = MappingProxyType({})
) -> list[Answer]:
    """One answer for each report. Of several with the same key the first is stored, and its receipt answers all.

    `meetings`: at which of them a report was raised.
    """
    policies = await category_tables.policies(db, ((r.tenant, r.category) for r, _ in reports))
    first: dict[Scope, Coded] = {}
    for report, code in reports:
        if (report.tenant, report.category) in policies and _unfit(report, now) is None:
            first.setdefault(scope_of(report), (report, code))
    numbers = await tables.next_numbers(db, sorted(first)) if first else {}
    # Sorted, so that two groups with the same keys wait for one another instead of for ever.
    rows = {
        key: {
            **_case_row(
                *first[key], case_number(now, number), policies[first[key][0].tenant, first[key][0].category], now
            ),
            "meeting_id": meetings.get(key),
        }
        for key, number in sorted(numbers.items())
    }
    entries = {row["case_id"]: _begin(row) for row in rows.values()}
    inserted = await tables.insert_cases(db, list(rows.values()))
    await case_tables.append(db, [e for case_id, mine in entries.items() if case_id in inserted for e in mine])

    new = {key: row for key, row in rows.items() if row["case_id"] in inserted}
    others = [r for r, _ in reports if scope_of(r) not in new or first[scope_of(r)][0] is not r]
    known = await tables.receipts(db, map(scope_of, others)) if others else {}
    unknown = [r.tenant for r in others if (r.tenant, r.category) not in policies]
    streets = await category_tables.known_streets(db, unknown) if unknown else set()
    return [
        _done(report, new[key])
        if (key := scope_of(report)) in new and first[key][0] is report
        else _not_new(report, known.get(key), streets, now, in_use=(report.tenant, report.category) in policies)
        for report, _ in reports
    ]


def _done(report: ReportCase, row: dict[str, Any]) -> Done:
    receipt = Receipt(case_id=row["case_id"], case_no=row["case_no"], tracking_code=row["tracking_code"])
    facts: list[Event] = [
        CaseReported(
            tenant=report.tenant,
            occurred_at=row["reported_at"],
            case_id=receipt.case_id,
            case_no=receipt.case_no,
            sender=report.sender,
            category=report.category,
            request_kind=report.request_kind,
            reporter_id=row["reporter_id"],
            sealed_contact=report.sealed_contact,
        )
    ]
    told = {
        "tenant": report.tenant,
        "occurred_at": row["reported_at"],
        "case_id": receipt.case_id,
        "case_no": receipt.case_no,
        "sender": report.sender,
        "reporter_id": row["reporter_id"],
        **Content.of(report, row["category_name"]).told(),
    }
    if row["state"] == State.VERIFYING:
        facts.append(VerifyAsked(**told))
    if row["state"] == State.REGISTERED:
        facts.append(CaseRegistered(**told))
    return Done(receipt, facts)


def _unfit(report: ReportCase, now: datetime) -> Refusal | None:
    return (
        unstorable(report)
        or unfit_component(report)
        or unfit_sender(report)
        or unfit(report, now)
        or unfit_particulars(report)
    )


def _not_new(
    report: ReportCase, known: tuple[bytes, Receipt] | None, streets: set[str], now: datetime, *, in_use: bool
) -> Answer:
    """A known key with the same content has its stored receipt again, even where the category is no longer in use."""
    if known is not None and known[0] == fingerprint(report):
        return Done(known[1])
    refusal = _unfit(report, now)
    if refusal is None and not in_use:
        refusal = unknown_category(report, street_known=report.tenant in streets)
    if refusal is None and known is not None:
        refusal = key_used(report)
    if refusal is None:
        raise NotTaken
    return refused(refusal)


def refused(refusal: Refusal) -> Refused:
    return Refused(422, refusal.title, refusal.detail)


def _case_row(report: ReportCase, tracking_code: str, case_no: str, policy: Policy, now: datetime) -> dict[str, Any]:
    stands = begin(policy.registration)
    return {
        "tenant": report.tenant,
        "case_id": new_id(),
        "case_no": case_no,
        "tracking_code": tracking_code,
        "sender": report.sender,
        "idempotency_key": report.key,
        "fingerprint": fingerprint(report),
        **Content.of(report, policy.name).columns(),
        # A contact needs somebody whose it is, also where the sender named nobody.
        "reporter_id": report.reporter_id or (new_id() if report.sealed_contact else None),
        "reported_at": now,
        "state": stands.state.value,
        "opened": stands.opened,
    }


def _begin(row: dict[str, Any]) -> list[tuple[Entry, bytes]]:
    """The first entries of the timeline with their hashes; the row is told where it ends."""
    tenant, case_id, at = row["tenant"], row["case_id"], row["reported_at"]
    details = {"sender": row["sender"], "state": row["state"]}
    if row["meeting_id"] is not None:
        details["meeting_id"] = str(row["meeting_id"])
    entry, head = history.append(history.no_entries(at), tenant, case_id, case_id, "reported", at, at, details)
    entries = [(entry, head.hash)]
    if row["state"] == State.REGISTERED:
        entry, head = history.append(head, tenant, case_id, new_id(), "registered", at, at, {})
        entries.append((entry, head.hash))
    row.update(timeline_length=head.length, timeline_hash=head.hash, changed_at=head.at)
    return entries
