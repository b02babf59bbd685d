"""What taking a report asks and writes: numbers, and the reports that are known already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from libs.chassis.db.columns import columns_of
from libs.chassis.db.database import Database
from libs.contracts.incident import Receipt
from services.incident.cases.tables import Case
from services.incident.intake.domain import Scope

NUMBERS = text("SELECT nextval('case_numbers') FROM generate_series(1, :count)")
RECEIPTS = text(
    """
    SELECT tenant, sender, idempotency_key, fingerprint, case_id, case_no, tracking_code FROM cases
    WHERE (tenant, sender, idempotency_key) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:senders AS text[]), CAST(:keys AS text[])))
    """
)


async def next_numbers(db: Database, count: int) -> list[int]:
    return [row[0] for row in await db.rows(NUMBERS, {"count": count})]


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
