"""The queries of a roster import."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import text
from sqlmodel import SQLModel

from libs.chassis.db.columns import select
from libs.chassis.db.database import Database
from services.dispatch.calendar.tables import CalendarDayRow, HoursRow
from services.dispatch.grid.tables import PlaceRow, UnitRow
from services.dispatch.street.tables import MemberRow, RoutingRuleRow

Row = dict[str, Any]
KEYS: dict[type[SQLModel], str] = {
    UnitRow: "code",
    MemberRow: "member_id",
    CalendarDayRow: "day",
    HoursRow: "opens",
    PlaceRow: "place_id",
    RoutingRuleRow: "number",
}

NO_ROSTER = ("open_orders", "absent_until", "version")
PRESENT = {table: select(table, "WHERE tenant = :tenant", NO_ROSTER) for table in KEYS}

LOCK_MEMBERS = text(
    """
    SELECT member_id, open_orders FROM members WHERE tenant = :tenant AND member_id = ANY(CAST(:ids AS text[]))
    ORDER BY member_id FOR UPDATE
    """
)

# The room of orders lies above this one; whoever imports a roster must be told which of them are in the way.
IN_THE_WAY = text(
    """
    SELECT member_id, array_agg(case_no ORDER BY case_no) AS case_nos FROM orders
    WHERE tenant = :tenant AND member_id = ANY(CAST(:ids AS text[])) AND state IN ('claimed', 'handling')
    GROUP BY member_id
    """
)


async def present(db: Database, table: type[SQLModel], tenant: str) -> dict[Any, Row]:
    """The rows of a street by their key, with what is part of the roster."""
    return {row[KEYS[table]]: dict(row) for row in await db.rows(PRESENT[table], {"tenant": tenant})}


async def lock_members(db: Database, tenant: str, ids: Collection[str]) -> dict[str, int]:
    """The open orders of the members, which stay as they are until the transaction ends."""
    rows = await db.rows(LOCK_MEMBERS, {"tenant": tenant, "ids": sorted(ids)})
    return {row.member_id: row.open_orders for row in rows}


async def cases_in_hand(db: Database, tenant: str, ids: Collection[str]) -> dict[str, list[str]]:
    """By member the numbers of the cases whose orders they have claimed and not handed in."""
    rows = await db.rows(IN_THE_WAY, {"tenant": tenant, "ids": sorted(ids)})
    return {row.member_id: row.case_nos for row in rows}


async def write(
    db: Database, table: type[SQLModel], added: Sequence[Row], changed: Sequence[Row], removed: Sequence[Row]
) -> None:
    key = KEYS[table]
    await db.insert(table, added)
    await db.update(table, ["tenant", key], changed)
    if removed:
        await db.execute(
            text(f'DELETE FROM "{table.__tablename__}" WHERE tenant = :tenant AND {key} = ANY(:keys)'),
            {"tenant": removed[0]["tenant"], "keys": [row[key] for row in removed]},
        )
