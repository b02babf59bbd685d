"""How many open orders members have, and who is absent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import TextClause, text

from libs.chassis.db.database import Database, Record
from services.dispatch.workload.domain import Workload

_LOADS = """
    SELECT m.tenant, m.member_id, m.open_orders, m.absent_until > :now AS absent FROM members m
    JOIN unnest(CAST(:tenants AS text[]), CAST(:members AS text[])) AS asked (tenant, member_id)
        USING (tenant, member_id)
"""
LOADS = text(f"{_LOADS} WHERE m.open_orders > 0 OR m.absent_until > :now")
LOCKED_LOADS = text(f"{_LOADS} ORDER BY m.tenant, m.member_id FOR UPDATE OF m")
ADD_OPEN_ORDERS = text(
    """
    UPDATE members m SET open_orders = m.open_orders + d.change
    FROM unnest(CAST(:tenants AS text[]), CAST(:members AS text[]), CAST(:changes AS int[]))
        AS d (tenant, member_id, change)
    WHERE m.tenant = d.tenant AND m.member_id = d.member_id
    """
)

SET_ABSENT = text(
    """
    UPDATE members m SET absent_until = d.until_at
    FROM unnest(CAST(:tenants AS text[]), CAST(:members AS text[]), CAST(:untils AS timestamptz[]))
        AS d (tenant, member_id, until_at)
    WHERE m.tenant = d.tenant AND m.member_id = d.member_id
    """
)

MemberKey = tuple[str, str]
"""(tenant, member_id)"""


async def lock_members(db: Database, members: Collection[MemberKey], now: datetime) -> list[Record]:
    """The members, who stay as they are until the transaction ends."""
    return await _loads(db, LOCKED_LOADS, members, now)


async def workload_of(
    db: Database, members: Collection[MemberKey], now: datetime, *, lock: Collection[MemberKey] = ()
) -> dict[str, Workload]:
    """By tenant, what its members have to do; those in `lock` stay as they are until the transaction ends."""
    rows = await lock_members(db, lock, now)
    rows += await _loads(db, LOADS, set(members).difference(lock), now)
    workload = {tenant: Workload() for tenant, _ in (*members, *lock)}
    for tenant, member_id, open_orders, absent in rows:
        workload[tenant][member_id] = open_orders
        if absent:
            workload[tenant].absent.add(member_id)
    return workload


async def _loads(db: Database, statement: TextClause, members: Collection[MemberKey], now: datetime) -> list[Record]:
    asked = sorted(members)
    parameters = {"tenants": [t for t, _ in asked], "members": [m for _, m in asked], "now": now}
    return await db.rows(statement, parameters) if asked else []


async def set_absent(db: Database, until: Mapping[MemberKey, datetime]) -> None:
    """The members are away until then; a time that is over brings them back."""
    who = sorted(until)
    if who:
        await db.execute(
            SET_ABSENT,
            {"tenants": [t for t, _ in who], "members": [m for _, m in who], "untils": [until[w] for w in who]},
        )


async def add_open_orders(db: Database, changes: Mapping[MemberKey, int]) -> None:
    who = sorted(w for w, change in changes.items() if change)
    if who:
        await db.execute(
            ADD_OPEN_ORDERS,
            {"tenants": [t for t, _ in who], "members": [m for _, m in who], "changes": [changes[w] for w in who]},
        )
