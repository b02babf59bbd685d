"""What taking a report asks and writes: numbers, and the reports that are known already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, text
from sqlmodel import Field

from libs.chassis.db.columns import columns_of, text_column
from libs.chassis.db.database import Database
from libs.contracts.incident import Receipt
from services.incident.cases.tables import Case
from services.incident.intake.domain import Scope
from services.incident.table import IncidentTable


class CaseNumber(IncidentTable, table=True):
    """The number that a street gave last."""

    __tablename__ = "case_numbers"

    tenant: str = text_column(key=True)
    last: int = Field(sa_column=Column(BigInteger, nullable=False))


# LIMIT 1: each is looked up by its key, however many are asked for. Only those that are not there take a number.
# A street's counter is locked until the commit, so numbers go back with a transaction that is undone. Counters are
# locked in the sequence of the streets, so that two groups with the same streets never wait for one another.
NUMBERS = text(
    """
    WITH new AS (
        SELECT a.* FROM unnest(CAST(:tenants AS text[]), CAST(:senders AS text[]), CAST(:keys AS text[]))
            WITH ORDINALITY AS a (tenant, sender, key, nth)
        LEFT JOIN LATERAL (
            SELECT true AS taken FROM cases c
            WHERE (c.tenant, c.sender, c.idempotency_key) = (a.tenant, a.sender, a.key) LIMIT 1) k ON true
        WHERE k.taken IS NULL),
    counted AS (
        INSERT INTO case_numbers AS n (tenant, last)
        SELECT tenant, count(*) FROM new GROUP BY tenant ORDER BY tenant
        ON CONFLICT (tenant) DO UPDATE SET last = n.last + excluded.last
        RETURNING n.tenant, n.last)
    SELECT new.tenant, new.sender, new.key,
        counted.last + 1 - row_number() OVER (PARTITION BY new.tenant ORDER BY new.nth DESC) AS number
    FROM new JOIN counted USING (tenant)
    """
)
RECEIPTS = text(
    """
    SELECT tenant, sender, idempotency_key, fingerprint, case_id, case_no, tracking_code FROM cases
    WHERE (tenant, sender, idempotency_key) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:senders AS text[]), CAST(:keys AS text[])))
    """
)


async def next_numbers(db: Database, scopes: Sequence[Scope]) -> dict[Scope, int]:
    """The street's next number for each key under which nothing was taken before, in the sequence of the keys."""
    tenants, senders, keys = columns_of(scopes, 3)
    rows = await db.rows(NUMBERS, {"tenants": tenants, "senders": senders, "keys": keys})
    return {(row.tenant, row.sender, row.key): row.number for row in rows}


async def insert_cases(db: Database, rows: Sequence[Mapping[str, Any]]) -> set[UUID]:
    """The ids of the cases that are new; a report whose key is taken is left out."""
    return set(await db.insert(Case, rows, skip_existing=True, returning="case_id"))


async def receipts(db: Database, scopes: Iterable[Scope]) -> dict[Scope, tuple[bytes, Receipt]]:
    """(fingerprint, receipt) of the reports that were taken under these keys."""
    tenants, senders, keys = columns_of(sorted(set(scopes)), 3)
    rows = await db.rows(RECEIPTS, {"tenants": tenants, "senders": senders, "keys": keys})
    return {
        (r.tenant, r.sender, r.idempotency_key): (
            bytes(r.fingerprint),
            Receipt(case_id=r.case_id, case_no=r.case_no, tracking_code=r.tracking_code),
        )
        for r in rows
    }
