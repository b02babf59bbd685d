"""Orders: every query on them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from libs.chassis.db.database import Database, Record
from libs.chassis.db.ids import first_id, made_at
from libs.chassis.pages import Slice, counter, slice_page
from libs.contracts.values import Level, Place, Reach, RequestKind
from services.dispatch.domain.calendar import Clock, Clocks, TimeUnit
from services.dispatch.domain.order import Order, State
from services.dispatch.domain.routing import Routed
from services.dispatch.tables.rows import OrderRow, select


async def insert_orders(db: Database, orders: Sequence[Order]) -> set[UUID]:
    """The ids of those that are new: a case has one order for each time that it was opened."""
    rows = [{**_row(order), "note": "", "photos": []} for order in orders]
    return set(await db.insert(OrderRow, rows, skip_existing=True, returning="order_id"))


async def update_orders(db: Database, changes: Sequence[tuple[Order, Order]]) -> None:
    """Each order as it was read and as it is now: what none of them has changed is not written."""
    names = {name for before, now in changes for name in _ORDER_FIELDS if getattr(before, name) != getattr(now, name)}
    names.add("order_id")
    await db.update(OrderRow, ["order_id"], [{n: v for n, v in _row(now).items() if n in names} for _, now in changes])


async def record_evidence(db: Database, evidence: Mapping[UUID, tuple[str, Sequence[str]]]) -> None:
    rows = [{"order_id": o, "note": note, "photos": list(photos)} for o, (note, photos) in evidence.items()]
    await db.update(OrderRow, ["order_id"], rows)


_ORDER_FIELDS = tuple(f.name for f in fields(Order))


def _row(order: Order) -> dict[str, Any]:
    return {name: getattr(order, name) for name in _ORDER_FIELDS} | {"skills": sorted(order.skills)}


def _order(row: Record) -> Order:
    values = {name: getattr(row, name) for name in _ORDER_FIELDS}
    for name in ("offered_to", "given_back_by", "held_by", "because", "documents"):
        values[name] = tuple(values[name])
    clocks = Clocks(**{stage: Clock(c["amount"], TimeUnit(c["unit"])) for stage, c in values["clocks"].items()})
    typed = {"state": State, "level": Level, "reach": Reach, "request_kind": RequestKind, "skills": frozenset}
    values |= {name: of(values[name]) for name, of in typed.items()}
    return Order(**{**values, "clocks": clocks, "place": Place.model_validate(values["place"])})


_BY_ID = "WHERE order_id = ANY(CAST(:ids AS uuid[])) ORDER BY order_id"
BY_ID = select(OrderRow, _BY_ID)
LOCK_BY_ID = select(OrderRow, f"{_BY_ID} FOR UPDATE")


async def orders_by_id(db: Database, ids: Iterable[UUID], *, lock: bool = True) -> dict[UUID, Order]:
    """The orders, locked until the transaction ends; in one sequence everywhere, against deadlocks."""
    rows = await db.rows(LOCK_BY_ID if lock else BY_ID, {"ids": sorted(set(ids))})
    return {row.order_id: _order(row) for row in rows}


OPENINGS = text(
    """
    SELECT * FROM orders WHERE (tenant, case_id, opening) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:cases AS uuid[]), CAST(:openings AS smallint[])))
    """
)


async def of_openings(db: Database, openings: Collection[tuple[str, UUID, int]]) -> dict[tuple[str, UUID, int], Order]:
    """By (tenant, case, opening) the order that was made when the case was opened for that time, not locked."""
    tenants, cases, numbers = zip(*openings, strict=True) if openings else ((), (), ())
    parameters = {"tenants": list(tenants), "cases": list(cases), "openings": list(numbers)}
    return {(r.tenant, r.case_id, r.opening): _order(r) for r in await db.rows(OPENINGS, parameters)}


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
OF_ABSENT = text(
    """
    SELECT o.order_id FROM unnest(CAST(:tenants AS text[]), CAST(:members AS text[])) AS away (tenant, member_id)
        CROSS JOIN LATERAL (
            SELECT order_id FROM orders WHERE orders.tenant = away.tenant AND state = 'offered'
                AND offered_to @> jsonb_build_array(away.member_id)
            UNION ALL
            SELECT order_id FROM orders WHERE orders.tenant = away.tenant AND orders.member_id = away.member_id
                AND state IN ('claimed', 'handling')) o
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
    rows = [_order(row) for row in await db.rows(OF_MEMBER if of_member else OF_STREET, page)]
    count = counter(db, COUNT_OF_MEMBER if of_member else COUNT_OF_STREET, asked) if after is None else None
    return await slice_page(rows, limit, "order_id", count)


async def orders_of_absent(db: Database, members: Iterable[tuple[str, str]]) -> set[UUID]:
    """The ids of the orders that one of the members (tenant, member_id) is offered or has claimed."""
    away = sorted(members)
    rows = await db.rows(OF_ABSENT, {"tenants": [t for t, _ in away], "members": [m for _, m in away]})
    return {row.order_id for row in rows}


async def ended_by_level(db: Database, tenant: str, since: datetime, until: datetime) -> dict[Level, int]:
    rows = await db.rows(ENDED_BY_LEVEL, {"tenant": tenant, "since": since, "until": until})
    return dict.fromkeys(Level, 0) | {Level(row.level): row.orders for row in rows}


async def routed(db: Database, tenant: str, since: datetime, size: int) -> AsyncIterator[list[tuple[str, Routed]]]:
    """The cases (case_no, what decides where it goes) whose first orders were made since then, `size` at a time."""
    parameters = {"tenant": tenant, "states": [str(s) for s in State], "after": first_id(since)}
    async for rows in db.chunks(ROUTED, size, parameters):
        yield [
            (
                row.case_no,
                Routed(
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
