"""The categories of a street as dispatch last told them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Field

from libs.chassis.db.columns import columns_of, time_column
from libs.chassis.db.database import Database
from libs.contracts.dispatch import CategoryChanged
from libs.contracts.values import Registration, Unanswered
from services.incident.table import IncidentTable


class Category(IncidentTable, table=True):
    """A row of the responsibility list as dispatch last told it."""

    __tablename__ = "categories"

    tenant: str = Field(primary_key=True)
    category: str = Field(primary_key=True)
    name_zh: str
    name_en: str
    area: str
    registration: str
    unanswered: str
    active: bool
    changed_at: datetime = time_column()
    changed_by: UUID


CATEGORIES = text(
    """
    SELECT category, name_zh, name_en, area, registration FROM categories
    WHERE tenant = :tenant AND active ORDER BY category
    """
)
POLICIES = text(
    """
    SELECT tenant, category, name_zh, registration, unanswered FROM categories
    WHERE active AND (tenant, category) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:categories AS text[])))
    """
)
STREETS = text("SELECT DISTINCT tenant FROM categories WHERE tenant = ANY(CAST(:tenants AS text[]))")
TAKE_CATEGORIES = text(
    """
    INSERT INTO categories (tenant, category, name_zh, name_en, area, registration, unanswered, active, changed_at,
        changed_by)
    SELECT * FROM unnest(
        CAST(:tenant AS text[]), CAST(:category AS text[]), CAST(:name_zh AS text[]), CAST(:name_en AS text[]),
        CAST(:area AS text[]), CAST(:registration AS text[]), CAST(:unanswered AS text[]),
        CAST(:active AS boolean[]), CAST(:changed_at AS timestamptz[]), CAST(:changed_by AS uuid[]))
    ON CONFLICT (tenant, category) DO UPDATE SET name_zh = excluded.name_zh, name_en = excluded.name_en,
        area = excluded.area, registration = excluded.registration,
        unanswered = excluded.unanswered, active = excluded.active,
        changed_at = excluded.changed_at, changed_by = excluded.changed_by
    WHERE (excluded.changed_at, excluded.changed_by) > (categories.changed_at, categories.changed_by)
    """
)


@dataclass(frozen=True, slots=True)
class Policy:
    name: str
    registration: Registration
    unanswered: Unanswered


async def categories(db: Database, tenant: str) -> Sequence[Mapping[str, Any]]:
    return [dict(row) for row in await db.rows(CATEGORIES, {"tenant": tenant})]


async def policies(db: Database, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Policy]:
    """The name and policy of those (tenant, category) that are in use."""
    tenants, categories = columns_of(sorted(set(wanted)), 2)
    rows = await db.rows(POLICIES, {"tenants": tenants, "categories": categories})
    return {
        (r.tenant, r.category): Policy(r.name_zh, Registration(r.registration), Unanswered(r.unanswered)) for r in rows
    }


async def known_streets(db: Database, tenants: Iterable[str]) -> set[str]:
    return {row.tenant for row in await db.rows(STREETS, {"tenants": sorted(set(tenants))})}


async def take_categories(db: Database, categories: Sequence[CategoryChanged]) -> None:
    """Insert or replace each category unless what is there is later."""
    columns: dict[str, list[Any]] = {
        "tenant": [c.tenant for c in categories],
        "category": [c.category for c in categories],
        "name_zh": [c.name_zh for c in categories],
        "name_en": [c.name_en for c in categories],
        "area": [c.area for c in categories],
        "registration": [c.registration.value for c in categories],
        "unanswered": [c.unanswered.value for c in categories],
        "active": [c.active for c in categories],
        "changed_at": [c.occurred_at for c in categories],
        "changed_by": [c.id for c in categories],
    }
    await db.execute(TAKE_CATEGORIES, columns)
