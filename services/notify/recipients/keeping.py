"""Contacts as facts bring them: opened, and encrypted under the key of the person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from libs.chassis.db.database import Database
from libs.contracts.message import Event
from libs.contracts.values import SealedContact
from services.notify.recipients import tables as people
from services.notify.recipients import vault
from services.notify.recipients.domain.contact import Contact
from services.notify.recipients.tables import NewContact, RecipientKey

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, repr=False)
class Given:
    """A contact that came with a fact."""

    who: RecipientKey
    given_at: datetime
    contact: Contact


def opened(facts: Iterable[tuple[Event, str, SealedContact | None]]) -> dict[UUID, Given]:
    """The contacts by the id of their fact. A box that does not open leaves its recipient without an address."""
    given: dict[UUID, Given] = {}
    closed: list[str] = []
    for fact, recipient_id, sealed in facts:
        if sealed is None:
            continue
        contact = vault.open_contact(sealed)
        if contact is None:
            closed.append(str(fact.id))
        else:
            given[fact.id] = Given((fact.tenant, recipient_id), fact.occurred_at, contact)
    if closed:
        log.warning("contacts_not_opened", count=len(closed), event_ids=closed[:20])
    return given


async def keep_contacts(db: Database, given: Iterable[Given]) -> dict[RecipientKey, bytes]:
    """Of several contacts of a person the last is kept; the keys of everybody who may be kept at all."""
    last: dict[RecipientKey, Given] = {}
    for each in given:
        if each.who not in last or each.given_at >= last[each.who].given_at:
            last[each.who] = each
    keys = await people.keys_for(db, {w: g.given_at for w, g in last.items()}, [vault.new_key() for _ in last])
    await people.keep_contacts(db, {who: _new_contact(last[who], key) for who, key in keys.items()})
    return keys


def _new_contact(given: Given, key: bytes) -> NewContact:
    contact = given.contact
    return NewContact(vault.encrypt(key, contact.to_keep), contact.channels, contact.language, given.given_at)


def tracking_of(given: Given, keys: Mapping[RecipientKey, bytes]) -> bytes | None:
    key, code = keys.get(given.who), given.contact.tracking_code
    return vault.encrypt(key, {"tracking_code": code}) if key and code else None
