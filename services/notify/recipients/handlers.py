"""Keeps contacts as facts bring them, and does what recipients ask: their wishes, their erasure."""

from __future__ import annotations

from dataclasses import asdict

from libs.chassis.db.database import Database
from libs.chassis.handlers import Answer, Batch, Done, EventRouter
from libs.contracts.dispatch import MemberChanged, UnitChanged
from libs.contracts.incident import CaseReported
from libs.contracts.message import Event
from services.notify.recipients import followed
from services.notify.recipients import tables as people
from services.notify.recipients.domain.reach import EraseRecipient, SetPreferences, member, org, reporter
from services.notify.recipients.keeping import keep_contacts, opened, tracking_of

router = EventRouter("notify")


@router.on(CaseReported)
async def keep_reports(reports: Batch[CaseReported], db: Database) -> list[Event]:
    given = opened((r, reporter(r.reporter_id), r.sealed_contact) for r in reports if r.reporter_id is not None)
    keys = await keep_contacts(db, given.values())
    rows = []
    for report in reports:
        who = reporter(report.reporter_id) if report.reporter_id is not None else None
        row = {"tenant": report.tenant, "case_id": report.case_id, "case_no": report.case_no, "recipient_id": who}
        tracking = tracking_of(given[report.id], keys) if report.id in given else None
        rows.append({**row, "tracking": tracking, "reported_at": report.occurred_at})
    await followed.keep_cases(db, rows)
    return []


@router.on(MemberChanged)
async def keep_members(members: Batch[MemberChanged], db: Database) -> list[Event]:
    """A member without a contact keeps the one that is known: it travels only when it has changed."""
    given = opened((m, member(m.member_id), m.sealed_contact) for m in members)
    await keep_contacts(db, given.values())
    await people.keep_recipients(db, [(m.tenant, member(m.member_id)) for m in members])
    return []


@router.on(UnitChanged)
async def keep_organisations(units: Batch[UnitChanged], db: Database) -> list[Event]:
    """Who answers for a unit has an inbox, before there is anything in it."""
    await people.keep_recipients(db, [(u.tenant, org(u.org_id)) for u in units])
    return []


@router.answers(EraseRecipient)
async def erase_recipients(commands: Batch[EraseRecipient], db: Database) -> list[Answer]:
    """What waits to be sent is suppressed by the sender, which finds no key."""
    await people.erase(db, [(c.tenant, c.recipient_id) for c in commands], commands.now)
    return [Done(None) for _ in commands]


@router.answers(SetPreferences)
async def set_preferences(commands: Batch[SetPreferences], db: Database) -> list[Answer]:
    await people.prefer(db, [asdict(c) for c in commands])
    return [Done(None) for _ in commands]
