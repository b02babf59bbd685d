"""How many open orders members have, and who is absent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from sqlalchemy import text

from libs.chassis.database import Database
from services.dispatch.domain.workload import Workload

OPEN_ORDERS = text(
    """
    SELECT m.tenant, m.member_id, m.open_orders, m.absent_until > :now AS absent FROM members m
    JOIN unnest(CAST(:tenants AS text[]), CAST(:members AS text[])) AS asked (tenant, member_id)
        USING (tenant, member_id)
    WHERE m.open_orders > 0 OR m.absent_until > :now
    """
)
LOCK_MEMBERS = text(
    """
    SELECT 1 FROM members m
    JOIN unnest(CAST(:tenants AS text[]), CAST(:members AS text[])) AS asked (tenant, member_id)
        USING (tenant, member_id)
    ORDER BY m.tenant, m.member_id FOR UPDATE OF m
    """
)
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

Who = tuple[str, str]
"""(tenant, member_id)"""


async def lock_members(db: Database, members: Iterable[Who]) -> None:
    """The members stay as they are until the transaction ends."""
    locked = sorted(set(members))
    if locked:
        await db.rows(LOCK_MEMBERS, {"tenants": [t for t, _ in locked], "members": [m for _, m in locked]})


async def workload_of(
    db: Database, members: Iterable[Who], now: datetime, *, lock: Collection[Who] = ()
) -> dict[str, Workload]:
    """By tenant, what its members have to do; those in `lock` stay as they are until the transaction ends."""
    await lock_members(db, lock)
    asked = sorted({*members, *lock})
    rows = await db.rows(OPEN_ORDERS, {"tenants": [t for t, _ in asked], "members": [m for _, m in asked], "now": now})
    workload = {tenant: Workload() for tenant, _ in asked}
    for tenant, member_id, open_orders, absent in rows:
        workload[tenant][member_id] = open_orders
        if absent:
            workload[tenant].absent.add(member_id)
    return workload


async def set_absent(db: Database, until: Mapping[Who, datetime]) -> None:
    """The members are away until then; a time that is over brings them back."""
    who = sorted(until)
    await db.execute(
        SET_ABSENT,
        {"tenants": [t for t, _ in who], "members": [m for _, m in who], "untils": [until[w] for w in who]},
    )


async def add_open_orders(db: Database, changes: Mapping[Who, int]) -> None:
    who = sorted(w for w, change in changes.items() if change)
    if who:
        await db.execute(
            ADD_OPEN_ORDERS,
            {"tenants": [t for t, _ in who], "members": [m for _, m in who], "changes": [changes[w] for w in who]},
        )
