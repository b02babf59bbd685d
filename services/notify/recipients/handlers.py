"""Keeps contacts as facts bring them, and does what recipients ask: their wishes, their erasure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

import structlog

from libs.chassis.db.database import Database
from libs.chassis.handlers import Answer, Batch, Done, EventRouter
from libs.contracts.dispatch import MemberChanged
from libs.contracts.incident import CaseReported
from libs.contracts.message import Event
from libs.contracts.values import SealedContact
from services.notify.recipients import tables as people
from services.notify.recipients import vault
from services.notify.recipients.domain.contact import Contact
from services.notify.recipients.domain.reach import EraseRecipient, SetPreferences, member, reporter
from services.notify.recipients.tables import NewContact, RecipientKey

router = EventRouter("notify")

log = structlog.get_logger()


# Contacts


@dataclass(frozen=True, slots=True, repr=False)
class _Given:
    """A contact that came with a fact."""

    who: RecipientKey
    given_at: datetime
    contact: Contact


@router.on(CaseReported)
async def keep_reports(reports: Batch[CaseReported], db: Database) -> list[Event]:
    given = _opened((r, reporter(r.reporter_id), r.sealed_contact) for r in reports if r.reporter_id is not None)
    keys = await _keep_contacts(db, given.values())
    rows = []
    for report in reports:
        who = reporter(report.reporter_id) if report.reporter_id is not None else None
        row = {"tenant": report.tenant, "case_id": report.case_id, "case_no": report.case_no, "recipient_id": who}
        tracking = _tracking(given[report.id], keys) if report.id in given else None
        rows.append({**row, "tracking": tracking, "reported_at": report.occurred_at})
    await people.keep_cases(db, rows)
    return []


@router.on(MemberChanged)
async def keep_members(members: Batch[MemberChanged], db: Database) -> list[Event]:
    """A member without a contact keeps the one that is known: it travels only when it has changed."""
    given = _opened((m, member(m.member_id), m.sealed_contact) for m in members)
    await _keep_contacts(db, given.values())
    return []


def _opened(facts: Iterable[tuple[Event, str, SealedContact | None]]) -> dict[UUID, _Given]:
    """The contacts by the id of their fact. A box that does not open leaves its recipient without an address."""
    given: dict[UUID, _Given] = {}
    closed: list[str] = []
    for fact, recipient_id, sealed in facts:
        if sealed is None:
            continue
        contact = vault.open_contact(sealed)
        if contact is None:
            closed.append(str(fact.id))
        else:
            given[fact.id] = _Given((fact.tenant, recipient_id), fact.occurred_at, contact)
    if closed:
        log.warning("contacts_not_opened", count=len(closed), event_ids=closed[:20])
    return given


async def _keep_contacts(db: Database, given: Iterable[_Given]) -> dict[RecipientKey, bytes]:
    """Of several contacts of a person the last is kept; the keys of everybody who may be kept at all."""
    last: dict[RecipientKey, _Given] = {}
    for each in given:
        if each.who not in last or each.given_at >= last[each.who].given_at:
            last[each.who] = each
    keys = await people.keys_for(db, {w: g.given_at for w, g in last.items()}, [vault.new_key() for _ in last])
    await people.keep_contacts(db, {who: _new_contact(last[who], key) for who, key in keys.items()})
    return keys


def _new_contact(given: _Given, key: bytes) -> NewContact:
    contact = given.contact
    return NewContact(vault.encrypt(key, contact.to_keep()), contact.addresses, contact.language, given.given_at)


def _tracking(given: _Given, keys: Mapping[RecipientKey, bytes]) -> bytes | None:
    key, code = keys.get(given.who), given.contact.tracking_code
    return vault.encrypt(key, {"tracking_code": code}) if key and code else None


# Commands


@router.answers(EraseRecipient)
async def erase_recipients(commands: Batch[EraseRecipient], db: Database) -> list[Answer]:
    """What waits to be sent is suppressed by the sender, which finds no key."""
    await people.erase(db, [(c.tenant, c.recipient_id) for c in commands], commands.now)
    return [Done(None) for _ in commands]


@router.answers(SetPreferences)
async def set_preferences(commands: Batch[SetPreferences], db: Database) -> list[Answer]:
    await people.prefer(db, [asdict(c) for c in commands])
    return [Done(None) for _ in commands]
