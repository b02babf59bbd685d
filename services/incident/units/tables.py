"""The units of a street as dispatch last told them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Field

from libs.chassis.db.columns import columns_of, time_column
from libs.chassis.db.database import Database
from libs.contracts.dispatch import UnitChanged
from services.incident.table import IncidentTable


class UnitRow(IncidentTable, table=True):
    __tablename__ = "units"

    tenant: str = Field(primary_key=True)
    code: str = Field(primary_key=True)
    parent: str | None = None
    name: str
    active: bool
    changed_at: datetime = time_column()
    changed_by: UUID


NAMES = text(
    """
    SELECT tenant, code, name FROM units
    WHERE active AND (tenant, code) IN (SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:codes AS text[])))
    """
)
TAKE_UNITS = text(
    """
    INSERT INTO units (tenant, code, parent, name, active, changed_at, changed_by)
    SELECT * FROM unnest(
        CAST(:tenant AS text[]), CAST(:code AS text[]), CAST(:parent AS text[]), CAST(:name AS text[]),
        CAST(:active AS boolean[]), CAST(:changed_at AS timestamptz[]), CAST(:changed_by AS uuid[]))
    ON CONFLICT (tenant, code) DO UPDATE SET parent = excluded.parent, name = excluded.name,
        active = excluded.active, changed_at = excluded.changed_at, changed_by = excluded.changed_by
    WHERE (excluded.changed_at, excluded.changed_by) > (units.changed_at, units.changed_by)
    """
)
BELOW = """
    WITH RECURSIVE below (code) AS (
        SELECT code FROM units WHERE tenant = :tenant AND code = :unit
        UNION SELECT u.code FROM units u JOIN below ON u.parent = below.code WHERE u.tenant = :tenant)
"""
"""The beginning of a statement: the unit and those below it, as `below`."""


async def names(db: Database, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Of those (tenant, code) that are in use."""
    tenants, codes = columns_of(sorted(set(wanted)), 2)
    return {(r.tenant, r.code): r.name for r in await db.rows(NAMES, {"tenants": tenants, "codes": codes})}


async def take_units(db: Database, units: Sequence[UnitChanged]) -> None:
    """Insert or replace each unit unless what is there is later."""
    columns: dict[str, list[Any]] = {
        "tenant": [u.tenant for u in units],
        "code": [u.code for u in units],
        "parent": [u.parent for u in units],
        "name": [u.name for u in units],
        "active": [u.active for u in units],
        "changed_at": [u.occurred_at for u in units],
        "changed_by": [u.id for u in units],
    }
    await db.execute(TAKE_UNITS, columns)
