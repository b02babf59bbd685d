"""Orders by who helps with them."""

from __future__ import annotations

import json
from uuid import UUID

from sqlalchemy import text

from libs.chassis.db.database import Database
from libs.chassis.pages import Slice, slice_page
from services.dispatch.orders.domain.help import OPEN
from services.dispatch.orders.domain.order import Order
from services.dispatch.orders.tables import order_of

# Containment in this way, and not by a path, is what the index knows.
HELPED = text(
    """
    SELECT * FROM orders
    WHERE tenant = :tenant AND helpers <> '[]' AND helpers @> ANY(CAST(:wanted AS jsonb[])) AND order_id > :after
    ORDER BY order_id LIMIT :limit
    """
)


async def helped(
    db: Database, tenant: str, unit: str | None, member_id: str | None, after: UUID | None, limit: int
) -> Slice[Order]:
    """The orders with which a unit or a member is still to help, the oldest first."""
    who = {name: value for name, value in (("unit", unit), ("member_id", member_id)) if value is not None}
    page = {
        "tenant": tenant,
        "wanted": [json.dumps([{**who, "state": state}]) for state in OPEN],
        "after": after or UUID(int=0),
        "limit": limit + 1,
    }
    return await slice_page([order_of(row) for row in await db.rows(HELPED, page)], limit, "order_id", None)
