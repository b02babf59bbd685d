"""Responsibility lists and their versions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Column, Integer, text
from sqlmodel import Field

from libs.chassis.db.columns import text_column, time_column
from libs.chassis.db.database import Database, Record
from services.dispatch.street.domain.responsibility import Responsibility
from services.dispatch.street.tables import Key, ResponsibilityRow, key_of, responsibility_of, row_of
from services.dispatch.table import DispatchTable


class ResponsibilityVersionRow(DispatchTable, table=True):
    """A version of a street's responsibility list, made by an import.

    `told_at` is the moment as of which incident has been told what may be reported.
    """

    __tablename__ = "responsibility_versions"

    tenant: str = text_column(key=True)
    version: int = Field(sa_column=Column(Integer, primary_key=True))
    imported_at: datetime = time_column()
    told_at: datetime = time_column()
    added: int
    changed: int
    removed: int


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

BEFORE_ALL: Key = ("", "", date.min)


async def rows_of_version(
    db: Database, tenant: str, version: int, day: date | None, after: Key = BEFORE_ALL, limit: int | None = None
) -> list[Responsibility]:
    """The rows of a version in sequence; with a day, those that apply on it."""
    category, condition, effective_from = after
    parameters = {"tenant": tenant, "version": version, "day": day, "category": category, "limit": limit}
    parameters |= {"condition": condition, "effective_from": effective_from}
    return [responsibility_of(row) for row in await db.rows(OF_VERSION, parameters)]


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
    await db.insert(ResponsibilityRow, [{"tenant": tenant, **row_of(row), "version": version} for row in rows])


async def insert_version(db: Database, **values: Any) -> None:
    await db.insert(ResponsibilityVersionRow, [values])


async def set_told(db: Database, tenant: str, version: int, now: datetime) -> None:
    await db.execute(TOLD, {"tenant": tenant, "version": version, "now": now})
