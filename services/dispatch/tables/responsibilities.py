"""Responsibility lists and their versions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import text

from libs.chassis.db.database import Database, Record
from libs.contracts.values import Level, OrgKind, Registration
from services.dispatch.domain.calendar import Clock, Clocks, TimeUnit
from services.dispatch.domain.responsibility import Condition, Responsibility
from services.dispatch.tables.rows import ResponsibilityRow, ResponsibilityVersionRow

NOW = text("SELECT * FROM responsibilities WHERE tenant = :tenant AND retired_version IS NULL")
# One statement for every version; as every street's list is small, no index is needed for it.
OF_VERSION = text(
    """
    SELECT * FROM responsibilities
    WHERE tenant = :tenant AND version <= :version AND (retired_version IS NULL OR retired_version > :version)
        AND (CAST(:day AS date) IS NULL OR CAST(:day AS date) BETWEEN effective_from AND effective_until)
        AND (category, condition, effective_from) > (:category, :condition, CAST(:effective_from AS date))
    ORDER BY category, condition, effective_from LIMIT :limit
    """
)
VERSIONS = text("SELECT * FROM responsibility_versions WHERE tenant = :tenant ORDER BY version DESC LIMIT :limit")
RETIRE = text(
    """
    UPDATE responsibilities SET retired_version = :version
    WHERE tenant = :tenant AND retired_version IS NULL AND (category, condition, effective_from) IN (
        SELECT * FROM unnest(CAST(:categories AS text[]), CAST(:conditions AS text[]), CAST(:days AS date[])))
    """
)
TOLD = text("UPDATE responsibility_versions SET told_at = :now WHERE tenant = :tenant AND version = :version")

Key = tuple[str, str, date]
"""What tells a row of a list from the others: category, condition, first day."""

BEFORE_ALL: Key = ("", "", date.min)


def key_of(row: Responsibility) -> Key:
    return row.category, str(row.condition), row.effective_from


async def rows_now(db: Database, tenant: str) -> list[Responsibility]:
    """The list of a street as its last import left it, with what has ended and what is still to come."""
    return [_responsibility(row) for row in await db.rows(NOW, {"tenant": tenant})]


async def rows_of_version(
    db: Database, tenant: str, version: int, day: date | None, after: Key = BEFORE_ALL, limit: int | None = None
) -> list[Responsibility]:
    """The rows of a version in sequence; with a day, those that apply on it."""
    category, condition, effective_from = after
    parameters = {"tenant": tenant, "version": version, "day": day, "category": category, "limit": limit}
    parameters |= {"condition": condition, "effective_from": effective_from}
    return [_responsibility(row) for row in await db.rows(OF_VERSION, parameters)]


async def versions(db: Database, tenant: str, limit: int) -> Sequence[Record]:
    """The versions of the list, newest first."""
    return await db.rows(VERSIONS, {"tenant": tenant, "limit": limit})


async def retire(db: Database, tenant: str, version: int, rows: Sequence[Responsibility]) -> None:
    """These are not in the version any more."""
    categories, conditions, days = zip(*map(key_of, rows), strict=True) if rows else ((), (), ())
    parameters = {"tenant": tenant, "version": version, "categories": list(categories)}
    await db.execute(RETIRE, parameters | {"conditions": list(conditions), "days": list(days)})


async def insert(db: Database, tenant: str, version: int, rows: Sequence[Responsibility]) -> None:
    """These are in the list from the version on."""
    await db.insert(ResponsibilityRow, [{"tenant": tenant, **_row(row), "version": version} for row in rows])


async def insert_version(db: Database, **values: Any) -> None:
    await db.insert(ResponsibilityVersionRow, [values])


async def set_told(db: Database, tenant: str, version: int, now: datetime) -> None:
    await db.execute(TOLD, {"tenant": tenant, "version": version, "now": now})


def _row(row: Responsibility) -> dict[str, Any]:
    same = {name: getattr(row, name) for name in _SAME}
    clocks = {
        f"{stage}_{part}": getattr(getattr(row.clocks, stage), part)
        for stage in ("claim", "handle", "check")
        for part in ("amount", "unit")
    }
    return {**same, **clocks, "skills": sorted(row.skills), "condition": str(row.condition)}


_SAME = (
    "category",
    "name_zh",
    "name_en",
    "area",
    "kind",
    "registration",
    "start_level",
    "org_kind",
    "evidence",
    "points",
    "standard_ref",
    "effective_from",
    "effective_until",
)


def _responsibility(r: Record) -> Responsibility:
    clocks = Clocks(
        Clock(r.claim_amount, TimeUnit(r.claim_unit)),
        Clock(r.handle_amount, TimeUnit(r.handle_unit)),
        Clock(r.check_amount, TimeUnit(r.check_unit)),
    )
    values = {name: getattr(r, name) for name in (*_SAME, "version")} | {
        "registration": Registration(r.registration),
        "start_level": Level(r.start_level),
        "org_kind": OrgKind(r.org_kind),
    }
    return Responsibility(**values, skills=frozenset(r.skills), clocks=clocks, condition=Condition.read(r.condition))
