"""Which cases others were merged into, or belong to."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import TextClause, text

from libs.chassis.db.columns import columns_of
from libs.chassis.db.database import Database

SURVIVORS = text(
    """
    SELECT DISTINCT tenant, merged_into AS case_no FROM cases WHERE (tenant, merged_into) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:numbers AS text[])))
    """
)
# No IS NOT NULL here: the planner would read all of the index cases_merged_into. Nulls are left out afterwards.
SURVIVOR_OF = text(
    """
    SELECT tenant, case_no, merged_into FROM cases WHERE (tenant, case_no) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:numbers AS text[])))
    """
)
PARENTS = text(
    """
    SELECT DISTINCT tenant, parent AS case_no FROM cases WHERE (tenant, parent) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:numbers AS text[])))
    """
)


async def survivors(db: Database, keys: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the cases into which others were merged."""
    return await _named(db, SURVIVORS, keys)


async def survivor_of(db: Database, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """By case that was merged the one that it was merged into."""
    tenants, numbers = columns_of(sorted(set(keys)), 2)
    rows = await db.rows(SURVIVOR_OF, {"tenants": tenants, "numbers": numbers})
    return {(row.tenant, row.case_no): row.merged_into for row in rows if row.merged_into is not None}


async def parents(db: Database, keys: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the cases that have children."""
    return await _named(db, PARENTS, keys)


async def _named(db: Database, statement: TextClause, keys: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    tenants, numbers = columns_of(sorted(set(keys)), 2)
    rows = await db.rows(statement, {"tenants": tenants, "numbers": numbers})
    return {(row.tenant, row.case_no) for row in rows if row.case_no is not None}
