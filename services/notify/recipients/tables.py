"""Queries on people: their keys, contacts and wishes, and the cases they reported."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import text

from libs.chassis.db.columns import bytes_column, json_column, text_column, time_column
from libs.chassis.db.database import Database, Record
from libs.contracts.values import Channel
from services.notify.recipients.domain.reach import Recipient, kind
from services.notify.table import NotifyTable


class PersonKey(NotifyTable, table=True):
    """The key of a person; none since they were erased, unless they gave a contact after that."""

    __tablename__ = "person_keys"

    tenant: str = text_column(key=True)
    recipient_id: str = text_column(key=True)
    key: bytes | None = bytes_column(nullable=True)
    since: datetime | None = time_column(nullable=True)
    erased_at: datetime | None = time_column(nullable=True)


class ContactRow(NotifyTable, table=True):
    """The contact that was given last, by the time of the domain."""

    __tablename__ = "contacts"

    tenant: str = text_column(key=True)
    recipient_id: str = text_column(key=True)
    ciphertext: bytes = bytes_column()
    channels: list[str] = json_column()
    language: str = text_column()
    updated_at: datetime = time_column()


class KnownRecipient(NotifyTable, table=True):
    """A member or an organisation that dispatch has told of, whether there is anything else to know of them or not."""

    __tablename__ = "recipients"

    tenant: str = text_column(key=True)
    recipient_id: str = text_column(key=True)


class Preference(NotifyTable, table=True):
    """What a recipient has said: of a channel that is not among the wishes the default of their kind holds."""

    __tablename__ = "preferences"

    tenant: str = text_column(key=True)
    recipient_id: str = text_column(key=True)
    wishes: dict[str, bool] = json_column()
    language: str | None = text_column(nullable=True)


RecipientKey = tuple[str, str]
"""(tenant, recipient_id)"""

KEYS = text(
    """
    INSERT INTO person_keys AS k (tenant, recipient_id, key, since)
    SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS text[]), CAST(:keys AS bytea[]),
                         CAST(:since AS timestamptz[]))
    ON CONFLICT (tenant, recipient_id) DO UPDATE SET
        key = CASE WHEN k.key IS NULL AND excluded.since > k.erased_at THEN excluded.key ELSE k.key END,
        since = CASE WHEN k.key IS NULL AND excluded.since > k.erased_at THEN excluded.since ELSE k.since END
    RETURNING tenant, recipient_id, key
    """
)

KEEP_CONTACTS = text(
    """
    INSERT INTO contacts AS c (tenant, recipient_id, ciphertext, channels, language, updated_at)
    SELECT g.tenant, g.recipient_id, g.ciphertext, CAST(g.channels AS jsonb), g.language, g.updated_at
    FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS text[]), CAST(:ciphertexts AS bytea[]),
                CAST(:channels AS text[]), CAST(:languages AS text[]), CAST(:updated AS timestamptz[]))
        AS g (tenant, recipient_id, ciphertext, channels, language, updated_at)
    ON CONFLICT (tenant, recipient_id) DO UPDATE SET
        ciphertext = excluded.ciphertext, channels = excluded.channels,
        language = excluded.language, updated_at = excluded.updated_at
    WHERE excluded.updated_at > c.updated_at
    """
)

# LIMIT 1: each is looked up by its key, however many are asked for; else a long list would be joined to whole tables.
RECIPIENTS = text(
    """
    SELECT asked.tenant, asked.recipient_id, CAST(p.wishes AS text), CAST(c.channels AS text),
           k.erased_at IS NOT NULL AND k.key IS NULL AS erased
    FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS text[])) AS asked (tenant, recipient_id)
    LEFT JOIN LATERAL (SELECT * FROM preferences p WHERE (p.tenant, p.recipient_id) = (asked.tenant, asked.recipient_id)
        LIMIT 1) p ON true
    LEFT JOIN LATERAL (SELECT * FROM contacts c WHERE (c.tenant, c.recipient_id) = (asked.tenant, asked.recipient_id)
        LIMIT 1) c ON true
    LEFT JOIN LATERAL (SELECT * FROM person_keys k WHERE (k.tenant, k.recipient_id) = (asked.tenant, asked.recipient_id)
        LIMIT 1) k ON true
    """
)

ERASE_KEYS = text(
    """
    INSERT INTO person_keys AS k (tenant, recipient_id, erased_at)
    SELECT DISTINCT a.tenant, a.id, CAST(:now AS timestamptz)
    FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS text[])) AS a (tenant, id) ORDER BY 1, 2
    ON CONFLICT (tenant, recipient_id) DO UPDATE SET key = NULL, since = NULL, erased_at = excluded.erased_at
    """
)
FORGET_CONTACTS = text(
    """
    DELETE FROM contacts c USING unnest(CAST(:tenants AS text[]), CAST(:ids AS text[])) AS a (tenant, id)
    WHERE c.tenant = a.tenant AND c.recipient_id = a.id
    """
)
FORGET_PREFERENCES = text(
    """
    DELETE FROM preferences p USING unnest(CAST(:tenants AS text[]), CAST(:ids AS text[])) AS a (tenant, id)
    WHERE p.tenant = a.tenant AND p.recipient_id = a.id
    """
)

KNOWN = text(
    """
    SELECT 1 WHERE EXISTS (SELECT 1 FROM recipients WHERE tenant = :tenant AND recipient_id = :recipient_id)
        OR EXISTS (SELECT 1 FROM person_keys WHERE tenant = :tenant AND recipient_id = :recipient_id)
    """
)
# ORDER BY: the first of the index; else a long table of one street would be scanned.
STREET = text(
    """
    SELECT 1 FROM (SELECT 1 FROM recipients WHERE tenant = :tenant ORDER BY recipient_id LIMIT 1) AS told_of
    UNION ALL
    SELECT 1 FROM (SELECT 1 FROM person_keys WHERE tenant = :tenant ORDER BY recipient_id LIMIT 1) AS with_key
    LIMIT 1
    """
)

PREFER = text(
    """
    INSERT INTO preferences (tenant, recipient_id, wishes, language)
    VALUES (:tenant, :recipient_id, CAST(CAST(:wishes AS text) AS jsonb), :language)
    ON CONFLICT (tenant, recipient_id) DO UPDATE SET wishes = excluded.wishes, language = excluded.language
    """
)
PREFERENCES = text(
    """
    SELECT CAST(p.wishes AS text) AS wishes, coalesce(p.language, c.language) AS language
    FROM (SELECT CAST(:tenant AS text) AS tenant, CAST(:recipient_id AS text) AS recipient_id) AS asked
    LEFT JOIN preferences p USING (tenant, recipient_id)
    LEFT JOIN contacts c USING (tenant, recipient_id)
    """
)


@dataclass(frozen=True, slots=True, repr=False)
class NewContact:
    ciphertext: bytes
    channels: frozenset[Channel]
    language: str
    given_at: datetime


async def keys_for(
    db: Database, given: Mapping[RecipientKey, datetime], new_keys: Sequence[bytes]
) -> dict[RecipientKey, bytes]:
    """The keys under which contacts may be kept that were given at these times: existing ones, or else new ones.

    None for who was erased after that. The rows stay locked, so that an erasure waits or comes first.
    """
    if not given:
        return {}
    who = sorted(given)
    rows = await db.rows(
        KEYS,
        {
            "tenants": [t for t, _ in who],
            "ids": [r for _, r in who],
            "keys": list(new_keys),
            "since": [given[w] for w in who],
        },
    )
    return {(row.tenant, row.recipient_id): row.key for row in rows if row.key is not None}


async def keep_contacts(db: Database, contacts: Mapping[RecipientKey, NewContact]) -> None:
    """The contact that was given later stays, in whichever order they come."""
    if not contacts:
        return
    who = sorted(contacts)
    values = [contacts[w] for w in who]
    await db.execute(
        KEEP_CONTACTS,
        {
            "tenants": [t for t, _ in who],
            "ids": [r for _, r in who],
            "ciphertexts": [v.ciphertext for v in values],
            "channels": [json.dumps(sorted(v.channels)) for v in values],
            "languages": [v.language for v in values],
            "updated": [v.given_at for v in values],
        },
    )


async def keep_recipients(db: Database, who: Collection[RecipientKey]) -> None:
    rows = [{"tenant": tenant, "recipient_id": recipient_id} for tenant, recipient_id in sorted(set(who))]
    await db.insert(KnownRecipient, rows, skip_existing=True)


async def known(db: Database, tenant: str, recipient_id: str) -> bool:
    """Whether somebody has told of the recipient."""
    return await db.one(KNOWN, {"tenant": tenant, "recipient_id": recipient_id}) is not None


async def knows_street(db: Database, tenant: str) -> bool:
    """Whether somebody has told of a recipient of it."""
    return await db.one(STREET, {"tenant": tenant}) is not None


async def recipients_of(db: Database, who: set[RecipientKey]) -> dict[RecipientKey, Recipient]:
    if not who:
        return {}
    asked = sorted(who)
    rows = await db.rows(RECIPIENTS, {"tenants": [t for t, _ in asked], "ids": [r for _, r in asked]})
    return {(tenant, id): recipient_like(kind(id), *columns) for tenant, id, *columns in rows}


@cache
def recipient_like(
    kind_of_recipient: str, wishes: str | None, channels: str | None = None, erased: bool = False
) -> Recipient:
    """The recipient of these columns (as JSON); there are not many different ones."""
    said: dict[str, bool] = json.loads(wishes or "{}")
    return Recipient(
        kind_of_recipient,
        wanted=frozenset(Channel(c) for c, wish in said.items() if wish),
        unwanted=frozenset(Channel(c) for c, wish in said.items() if not wish),
        addresses=frozenset(map(Channel, json.loads(channels or "[]"))),
        erased=erased,
    )


async def erase(db: Database, who: Sequence[RecipientKey], now: datetime) -> None:
    """Without the key nothing that was encrypted for the person can be read; a backup that holds the key still can."""
    people = {"tenants": [t for t, _ in who], "ids": [r for _, r in who]}
    await db.execute(ERASE_KEYS, {**people, "now": now})
    await db.execute(FORGET_CONTACTS, people)
    await db.execute(FORGET_PREFERENCES, people)


async def prefer(db: Database, rows: Sequence[Mapping[str, Any]]) -> None:
    """One statement a row: recipients set their preferences now and then, not in thousands."""
    for row in rows:
        await db.execute(PREFER, {**row, "wishes": json.dumps(row["wishes"])})


async def preferences_of(db: Database, tenant: str, recipient_id: str) -> Record:
    """One row, also for somebody who has said nothing."""
    row = await db.one(PREFERENCES, {"tenant": tenant, "recipient_id": recipient_id})
    assert row is not None
    return row
