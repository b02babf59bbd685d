"""The units of a street's grid tree with their borders, and the places that it has names for."""

from __future__ import annotations

import shapely
from sqlalchemy import BigInteger, Column, text
from sqlmodel import Field

from libs.chassis.db.columns import bytes_column, json_column, select, text_column
from libs.chassis.db.database import Database, Record
from services.dispatch.grid.domain.gazetteer import NamedPlace
from services.dispatch.grid.domain.tree import GridTree, Packed
from services.dispatch.table import DispatchTable


class UnitRow(DispatchTable, table=True):
    """`version` is the street's with which the row came to be as it is."""

    __tablename__ = "units"

    tenant: str = text_column(key=True)
    code: str = text_column(key=True)
    level: str = text_column()
    parent: str | None = text_column(nullable=True)
    name: str = text_column()
    aliases: list[str] = json_column()
    org_id: str = text_column()
    org_kind: str = text_column()
    org_name: str = text_column()
    border: bytes | None = bytes_column(nullable=True)
    version: int = Field(sa_column=Column(BigInteger, nullable=False))


class PlaceRow(DispatchTable, table=True):
    """An entry of the street's gazetteer: it lies in a unit, or has a point."""

    __tablename__ = "places"

    tenant: str = text_column(key=True)
    place_id: str = text_column(key=True)
    name: str = text_column()
    kind: str = text_column()
    aliases: list[str] = json_column()
    former_names: list[str] = json_column()
    unit: str | None = text_column(nullable=True)
    longitude: float | None
    latitude: float | None


UNITS_AT_ONCE = 20_000
"""Read in one go, a map of a province would take twice the memory."""

_LINES = """
    SELECT string_agg(concat_ws(E'\\t', code, level, coalesce(parent, ''), name, aliases, org_id, org_kind, org_name),
            E'\\n' ORDER BY code) AS lines,
        array_agg(border ORDER BY code) AS borders, max(code) AS last
"""
UNITS = text(
    f"""
    {_LINES} FROM (SELECT * FROM units WHERE tenant = :tenant AND code > :after ORDER BY code LIMIT :most) AS part
    """
)
PLACES = select(PlaceRow, "WHERE tenant = :tenant")
CHANGED_UNITS = text(f"{_LINES} FROM units WHERE tenant = :tenant AND version > :version")


async def all_units(db: Database, tenant: str) -> GridTree:
    """Each part is packed as it comes: a transaction in which nothing is asked for too long is ended by the server."""
    parts: list[Packed] = []
    after: str | None = ""
    while after is not None:
        [some] = await db.rows(UNITS, {"tenant": tenant, "after": after, "most": UNITS_AT_ONCE})
        after = some.last
        if some.lines is not None:
            parts.append(_packed(some))
    return GridTree(Packed.joined(parts))


async def changed_units(db: Database, tenant: str, version: int, tree: GridTree) -> GridTree:
    [some] = await db.rows(CHANGED_UNITS, {"tenant": tenant, "version": version})
    return tree if some.lines is None else tree.changed(_packed(some))


def _packed(some: Record) -> Packed:
    return Packed.of(some.lines.encode().split(b"\n"), shapely.from_wkb(some.borders))


def place(p: Record | PlaceRow) -> NamedPlace:
    point = None if p.longitude is None or p.latitude is None else (p.longitude, p.latitude)
    return NamedPlace(p.place_id, p.name, p.kind, tuple(p.aliases), tuple(p.former_names), p.unit, point)
