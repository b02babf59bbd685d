"""Orders of a street as lists, counts and files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from libs.chassis.db.columns import select
from libs.chassis.db.database import Database
from libs.chassis.db.ids import first_id, made_at
from libs.chassis.pages import Slice, counter, slice_page
from libs.contracts.values import Level, Place, RequestKind
from services.dispatch.orders.domain.order import Order, State
from services.dispatch.orders.tables import OrderRow, order_of
from services.dispatch.routing.domain import RoutingRequest

_AND = """
    AND order_id > :after
    AND (CAST(:category AS text) IS NULL OR category = :category)
    AND (CAST(:units AS text[]) IS NULL OR unit = ANY(CAST(:units AS text[])))
    AND (CAST(:due_before AS timestamptz) IS NULL OR handle_by < :due_before)
    AND (CAST(:appointment_before AS timestamptz) IS NULL OR appointment_starts_at < :appointment_before)
"""
# A page of each state, by orders_state; what of all states comes first is among them. No id is null: NULLS FIRST keeps
# the primary key out, by which PostgreSQL would look for the few orders of a rare state among all that there are.
_OF_STREET = """
    FROM unnest(CAST(:states AS text[])) AS wanted (state) CROSS JOIN LATERAL (
        SELECT * FROM orders WHERE tenant = :tenant AND state = wanted.state {wanted} {order}) found
"""
_OF_MEMBER = """
    FROM (
        (SELECT * FROM orders WHERE tenant = :tenant AND state = 'offered' AND 'offered' = ANY(CAST(:states AS text[]))
            AND offered_to @> jsonb_build_array(CAST(:member_id AS text)) {wanted} {order})
        UNION ALL
        (SELECT * FROM orders WHERE tenant = :tenant AND member_id = :member_id
            AND state = ANY(CAST(:states AS text[])) {wanted} {order})) found
"""
OF_STREET = text(
    "SELECT *"
    + _OF_STREET.format(wanted=_AND, order="ORDER BY order_id NULLS FIRST LIMIT :limit")
    + "ORDER BY order_id LIMIT :limit"
)
OF_MEMBER = text(
    "SELECT *"
    + _OF_MEMBER.format(wanted=_AND, order="ORDER BY order_id LIMIT :limit")
    + "ORDER BY order_id LIMIT :limit"
)
_MOST_OF_STREET = _OF_STREET.format(wanted=_AND, order="ORDER BY order_id NULLS FIRST LIMIT :most")
_MOST_OF_MEMBER = _OF_MEMBER.format(wanted=_AND, order="ORDER BY order_id LIMIT :most")
COUNT_OF_STREET = text(f"SELECT count(*) FROM (SELECT 1 {_MOST_OF_STREET} LIMIT :most) AS counted")
COUNT_OF_MEMBER = text(f"SELECT count(*) FROM (SELECT 1 {_MOST_OF_MEMBER} LIMIT :most) AS counted")
EXPORT = text("SELECT *" + _OF_STREET.format(wanted=_AND, order="") + "ORDER BY order_id")
OF_COMPONENT = select(
    OrderRow,
    """
    WHERE tenant = :tenant AND component ->> 'code' = :code
        AND (CAST(:after AS uuid) IS NULL OR order_id < :after)
    ORDER BY order_id DESC LIMIT :limit
    """,
)
COUNT_OF_COMPONENT = text(
    """
    SELECT count(*) FROM (
        SELECT 1 FROM orders WHERE tenant = :tenant AND component ->> 'code' = :code LIMIT :most) AS counted
    """
)
ENDED_BY_LEVEL = text(
    """
    SELECT level, count(*) AS orders FROM orders
    WHERE tenant = :tenant AND state = 'checked' AND stage_began_at >= :since AND stage_began_at < :until
    GROUP BY level ORDER BY level
    """
)
ROUTED = text(
    "SELECT order_id, case_no, category, place, request_kind"
    + _OF_STREET.format(wanted="AND order_id > :after AND opening = 0", order="")
)
COUNTS = text("SELECT state, count(*) AS orders FROM orders WHERE tenant = :tenant GROUP BY state")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which orders of a street. With a member: what they may claim or have claimed. `units`: any of these codes."""

    tenant: str
    states: Sequence[State]
    member_id: str | None = None
    category: str | None = None
    units: Sequence[str] | None = None
    due_before: datetime | None = None
    appointment_before: datetime | None = None

    def parameters(self) -> dict[str, Any]:
        wanted = asdict(self) | {"states": [str(s) for s in self.states], "after": UUID(int=0)}
        return wanted if self.member_id is not None else {k: v for k, v in wanted.items() if k != "member_id"}


async def list_orders(db: Database, wanted: Wanted, after: UUID | None, limit: int) -> Slice[Order]:
    """A page of them by order id, which follows the time they were made in."""
    of_member = wanted.member_id is not None
    asked = wanted.parameters()
    page = {**asked, "after": after or UUID(int=0), "limit": limit + 1}
    rows = [order_of(row) for row in await db.rows(OF_MEMBER if of_member else OF_STREET, page)]
    count = counter(db, COUNT_OF_MEMBER if of_member else COUNT_OF_STREET, asked) if after is None else None
    return await slice_page(rows, limit, "order_id", count)


async def orders_of_component(db: Database, tenant: str, code: str, after: UUID | None, limit: int) -> Slice[Order]:
    """A page of the orders whose reports named the component, the newest first."""
    asked = {"tenant": tenant, "code": code}
    rows = [order_of(row) for row in await db.rows(OF_COMPONENT, {**asked, "after": after, "limit": limit + 1})]
    count = counter(db, COUNT_OF_COMPONENT, asked) if after is None else None
    return await slice_page(rows, limit, "order_id", count)


async def ended_by_level(db: Database, tenant: str, since: datetime, until: datetime) -> dict[Level, int]:
    rows = await db.rows(ENDED_BY_LEVEL, {"tenant": tenant, "since": since, "until": until})
    return dict.fromkeys(Level, 0) | {Level(row.level): row.orders for row in rows}


async def routed(
    db: Database, tenant: str, since: datetime, size: int
) -> AsyncIterator[list[tuple[str, RoutingRequest]]]:
    """The cases (case_no, what decides where it goes) whose first orders were made since then, `size` at a time."""
    parameters = {"tenant": tenant, "states": [str(s) for s in State], "after": first_id(since)}
    async for rows in db.chunks(ROUTED, size, parameters):
        yield [
            (
                row.case_no,
                RoutingRequest(
                    row.category,
                    Place.model_validate(row.place),
                    made_at(row.order_id),
                    RequestKind(row.request_kind),
                ),
            )
            for row in rows
        ]


async def count_orders(db: Database, tenant: str) -> dict[str, int]:
    return {row.state: row.orders for row in await db.rows(COUNTS, {"tenant": tenant})}
