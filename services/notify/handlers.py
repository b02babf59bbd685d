"""Facts in, deliveries queued. The chassis drops copies, owns the transaction and acknowledges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from libs.chassis.database import Database
from libs.chassis.handlers import Answer, Batch, Done, EventRouter, Refused
from libs.chassis.ids import new_id
from libs.contracts.dispatch import MemberChanged
from libs.contracts.incident import CaseMerged, CaseReported, CaseUnmerged
from libs.contracts.message import Event
from libs.contracts.notify import NotificationSuppressed
from libs.contracts.words import Channel, SealedContact
from services.notify import vault
from services.notify.domain.audience import RULES, Reporter, Rule, member, parameters, reporter, told
from services.notify.domain.commands import EraseRecipient, ReadMessage, SetPreferences
from services.notify.domain.contact import Contact
from services.notify.domain.recipient import Reach, Suppress, reach
from services.notify.tables import deliveries, inbox, people
from services.notify.tables.deliveries import Reached
from services.notify.tables.people import CaseKey, NewContact, Who

log = structlog.get_logger()

router = EventRouter("notify")


# Contacts


@dataclass(frozen=True, slots=True, repr=False)
class _Given:
    """A contact that came with a fact."""

    who: Who
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


async def _keep_contacts(db: Database, given: Iterable[_Given]) -> dict[Who, bytes]:
    """Of several contacts of a person the last is kept; the keys of everybody who may be kept at all."""
    last: dict[Who, _Given] = {}
    for each in given:
        if each.who not in last or each.given_at >= last[each.who].given_at:
            last[each.who] = each
    keys = await people.keys_for(db, {w: g.given_at for w, g in last.items()}, [vault.new_key() for _ in last])
    await people.keep_contacts(db, {who: _new_contact(last[who], key) for who, key in keys.items()})
    return keys


def _new_contact(given: _Given, key: bytes) -> NewContact:
    contact = given.contact
    return NewContact(vault.encrypt(key, contact.to_keep()), contact.addresses, contact.language, given.given_at)


def _tracking(given: _Given, keys: Mapping[Who, bytes]) -> bytes | None:
    key, code = keys.get(given.who), given.contact.tracking_code
    return vault.encrypt(key, {"tracking_code": code}) if key and code else None


# Notices


async def tell(facts: Batch[Any], db: Database) -> Sequence[Event]:
    """Queue a notice for everybody whom facts of this type concern."""
    rule = RULES[type(facts[0])]
    audience = await _audience(facts, db, rule)
    who = {(fact.tenant, r) for fact, recipients in audience for r in recipients}
    known = await people.recipients_of(db, who)
    notices: list[dict[str, Any]] = []
    reached: list[Reached] = []
    suppressed: list[NotificationSuppressed] = []
    for fact, recipients in audience:
        notices.append({**_notice(fact, rule, facts.now), "traceparent": facts.traceparent(fact)})
        for recipient_id in recipients:
            match reach(known[(fact.tenant, recipient_id)], rule.channels):
                case Reach(channels):
                    reached.append((fact.tenant, fact.id, recipient_id, ",".join(channels)))
                case Suppress(channel, reason):
                    suppressed.append(_suppressed(fact, recipient_id, channel, reason, facts.now))
    await deliveries.queue(db, notices, reached)
    await deliveries.suppress(db, [_suppressed_row(each) for each in suppressed])
    return suppressed


MERGINGS = (CaseMerged, CaseUnmerged)


async def tell_and_follow(facts: Batch[Any], db: Database) -> Sequence[Event]:
    """Who reported a case that was merged is told from then on how the other one goes."""
    said = await tell(facts, db)
    known = [fact for fact in facts if id(fact) not in facts.waiting]
    await people.follow(db, [(f.tenant, f.case_id, _followed(f), f.occurred_at) for f in known])
    return said


def _followed(fact: CaseMerged | CaseUnmerged) -> UUID | None:
    return fact.into_case_id if isinstance(fact, CaseMerged) else None


for _fact in RULES:
    router.on(_fact)(tell_and_follow if _fact in MERGINGS else tell)


async def _audience(facts: Batch[Any], db: Database, rule: Rule) -> list[tuple[Any, list[str]]]:
    """Facts with their recipients, without those that concern nobody or must wait for their report."""
    if not isinstance(rule.audience, Reporter):
        found = [(fact, told(fact, rule.audience, ())) for fact in facts]
        return [(fact, recipients) for fact, recipients in found if recipients]
    reporters: Mapping[CaseKey, Sequence[str]] = await people.reporters_of(db, [(f.tenant, f.case_id) for f in facts])
    audience = []
    for fact in facts:
        case = (fact.tenant, fact.case_id)
        if case not in reporters:
            facts.wait(fact, f"who reported case {fact.case_id} is not known yet")
        elif recipients := told(fact, rule.audience, reporters[case]):
            audience.append((fact, recipients))
    return audience


def _notice(fact: Any, rule: Rule, now: datetime) -> dict[str, Any]:
    return {
        "tenant": fact.tenant,
        "event_id": fact.id,
        "template": rule.template,
        "parameters": parameters(fact, rule),
        "case_id": _case_of(fact),
        "correlation_id": fact.correlation_id,
        "occurred_at": fact.occurred_at,
        "queued_at": now,
    }


def _case_of(fact: Any) -> UUID | None:
    """A round of patrols, for one, is about no case."""
    return getattr(fact, "case_id", None)


def _suppressed(fact: Any, recipient_id: str, channel: Channel, reason: str, now: datetime) -> NotificationSuppressed:
    return NotificationSuppressed(
        tenant=fact.tenant,
        occurred_at=now,
        delivery_id=new_id(),
        cause_id=fact.id,
        case_id=_case_of(fact),
        recipient_id=recipient_id,
        channel=channel,
        reason=reason,
    )


def _suppressed_row(told: NotificationSuppressed) -> dict[str, Any]:
    row = told.model_dump(include={"delivery_id", "tenant", "recipient_id", "channel", "reason"})
    return {**row, "event_id": told.cause_id}


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


@router.answers(ReadMessage)
async def read_messages(commands: Batch[ReadMessage], db: Database) -> Sequence[Answer]:
    read = await inbox.mark_read(db, [(c.tenant, c.recipient_id, c.delivery_id) for c in commands])
    return [
        Done(read[c.delivery_id])
        if c.delivery_id in read
        else Refused(404, "Not found", f"{c.recipient_id} has no message {c.delivery_id}")
        for c in commands
    ]
