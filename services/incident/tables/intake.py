"""What taking a report asks and writes: categories, numbers, and the reports that are known already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from libs.chassis.db.database import Database
from libs.contracts.dispatch import CategoryChanged
from libs.contracts.incident import Receipt
from libs.contracts.values import Registration
from services.incident.domain.intake import Scope
from services.incident.tables.rows import Case, columns_of

CATEGORIES = text(
    """
    SELECT tenant, category, name_zh, registration FROM categories
    WHERE active AND (tenant, category) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:categories AS text[])))
    """
)
STREETS = text("SELECT DISTINCT tenant FROM categories WHERE tenant = ANY(CAST(:tenants AS text[]))")
NUMBERS = text("SELECT nextval('case_numbers') FROM generate_series(1, :count)")
RECEIPTS = text(
    """
    SELECT tenant, sender, idempotency_key, fingerprint, case_id, case_no, tracking_code FROM cases
    WHERE (tenant, sender, idempotency_key) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:senders AS text[]), CAST(:keys AS text[])))
    """
)
TAKE_CATEGORIES = text(
    """
    INSERT INTO categories (tenant, category, name_zh, name_en, area, registration, active, changed_at, changed_by)
    SELECT * FROM unnest(
        CAST(:tenant AS text[]), CAST(:category AS text[]), CAST(:name_zh AS text[]), CAST(:name_en AS text[]),
        CAST(:area AS text[]), CAST(:registration AS text[]), CAST(:active AS boolean[]),
        CAST(:changed_at AS timestamptz[]), CAST(:changed_by AS uuid[]))
    ON CONFLICT (tenant, category) DO UPDATE SET name_zh = excluded.name_zh, name_en = excluded.name_en,
        area = excluded.area, registration = excluded.registration, active = excluded.active,
        changed_at = excluded.changed_at, changed_by = excluded.changed_by
    WHERE (excluded.changed_at, excluded.changed_by) > (categories.changed_at, categories.changed_by)
    """
)


@dataclass(frozen=True, slots=True)
class Policy:
    name: str
    registration: Registration


async def policies(db: Database, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Policy]:
    """The name and policy of those (tenant, category) that are in use."""
    tenants, categories = columns_of(sorted(set(wanted)), 2)
    rows = await db.rows(CATEGORIES, {"tenants": tenants, "categories": categories})
    return {(r.tenant, r.category): Policy(r.name_zh, Registration(r.registration)) for r in rows}


async def known_streets(db: Database, tenants: Iterable[str]) -> set[str]:
    return {row.tenant for row in await db.rows(STREETS, {"tenants": sorted(set(tenants))})}


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


async def take_categories(db: Database, categories: Sequence[CategoryChanged]) -> None:
    """Insert or replace each category unless what is there is later."""
    columns: dict[str, list[Any]] = {
        "tenant": [c.tenant for c in categories],
        "category": [c.category for c in categories],
        "name_zh": [c.name_zh for c in categories],
        "name_en": [c.name_en for c in categories],
        "area": [c.area for c in categories],
        "registration": [c.registration.value for c in categories],
        "active": [c.active for c in categories],
        "changed_at": [c.occurred_at for c in categories],
        "changed_by": [c.id for c in categories],
    }
    await db.execute(TAKE_CATEGORIES, columns)
