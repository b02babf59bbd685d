"""How many open orders members have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import text

from libs.chassis.database import Database

OPEN_ORDERS = text(
    """
    SELECT m.tenant, m.member_id, m.open_orders FROM members m
    JOIN unnest(CAST(:tenants AS text[]), CAST(:members AS text[])) AS asked (tenant, member_id)
        USING (tenant, member_id)
    WHERE m.open_orders > 0
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

Who = tuple[str, str]
"""(tenant, member_id)"""


async def workload_of(db: Database, members: Iterable[Who], *, lock: Iterable[Who] = ()) -> dict[str, dict[str, int]]:
    """Open orders by tenant and member; those in `lock` stay as they are until the transaction ends."""
    locked = sorted(set(lock))
    if locked:
        await db.rows(LOCK_MEMBERS, {"tenants": [t for t, _ in locked], "members": [m for _, m in locked]})
    asked = sorted({*members, *locked})
    rows = await db.rows(OPEN_ORDERS, {"tenants": [t for t, _ in asked], "members": [m for _, m in asked]})
    workload: dict[str, dict[str, int]] = {tenant: {} for tenant, _ in asked}
    for tenant, member_id, open_orders in rows:
        workload[tenant][member_id] = open_orders
    return workload


async def add_open_orders(db: Database, changes: Mapping[Who, int]) -> None:
    who = sorted(w for w, change in changes.items() if change)
    if who:
        await db.execute(
            ADD_OPEN_ORDERS,
            {"tenants": [t for t, _ in who], "members": [m for _, m in who], "changes": [changes[w] for w in who]},
        )
