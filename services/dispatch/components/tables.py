"""The components of a street, what they were before, and the versions of the inventory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import Column, Integer, text
from sqlmodel import Field

from libs.chassis.db.columns import columns_of, select, text_column, time_column
from libs.chassis.db.database import Database, Record
from services.dispatch.components.domain.inventory import Change, Component, State
from services.dispatch.table import DispatchTable

T = TypeVar("T")


class ComponentRow(DispatchTable, table=True):
    """`version` is that of the inventory with which the row came to be as it is."""

    __tablename__ = "components"

    tenant: str = text_column(key=True)
    code: str = text_column(key=True)
    kind: str = text_column()
    name: str | None = text_column(nullable=True)
    longitude: float
    latitude: float
    unit: str = text_column()
    org_id: str | None = text_column(nullable=True)
    state: str = text_column()
    version: int


class FormerComponentRow(DispatchTable, table=True):
    """What a component was from `version` on, until `replaced_version`."""

    __tablename__ = "former_components"

    tenant: str = text_column(key=True)
    code: str = text_column(key=True)
    kind: str = text_column()
    name: str | None = text_column(nullable=True)
    longitude: float
    latitude: float
    unit: str = text_column()
    org_id: str | None = text_column(nullable=True)
    state: str = text_column()
    version: int = Field(sa_column=Column(Integer, primary_key=True))
    replaced_version: int


class ComponentVersionRow(DispatchTable, table=True):
    """What an import, or a new map of the street, has changed in the inventory."""

    __tablename__ = "component_versions"

    tenant: str = text_column(key=True)
    version: int = Field(sa_column=Column(Integer, primary_key=True))
    made_at: datetime = time_column()
    new: int
    changed: int
    moved: int
    retired: int


WRITTEN_AT_ONCE = 20_000

_WANTED = """
    WHERE tenant = :tenant AND code > :after
        AND (CAST(:kind AS text) IS NULL OR kind = :kind)
        AND (CAST(:units AS text[]) IS NULL OR unit = ANY(CAST(:units AS text[])))
        AND (CAST(:org_id AS text) IS NULL OR org_id = :org_id)
        AND (CAST(:state AS text) IS NULL OR state = :state)
"""
PAGE = select(ComponentRow, _WANTED + "ORDER BY code LIMIT :limit")
EXPORT = select(ComponentRow, _WANTED + "ORDER BY code")
COUNT = text(f"SELECT count(*) FROM (SELECT 1 FROM components {_WANTED} LIMIT :most) AS counted")
ALL = select(ComponentRow, "WHERE tenant = :tenant ORDER BY code")
THOSE = select(ComponentRow, "WHERE tenant = :tenant AND code = ANY(CAST(:codes AS text[]))")
OF_STREETS = select(
    ComponentRow,
    """
    WHERE (tenant, code) IN (SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:codes AS text[])))
    """,
)
OTHERS = select(
    ComponentRow,
    """
    WHERE tenant = :tenant AND state = 'active'
        AND NOT EXISTS (
            SELECT 1 FROM unnest(CAST(:codes AS text[])) AS wanted (code) WHERE wanted.code = components.code)
    ORDER BY code
    """,
)
BEFORE = text(
    """
    SELECT f.*, v.made_at AS replaced_at FROM former_components f
    JOIN component_versions v ON v.tenant = f.tenant AND v.version = f.replaced_version
    WHERE f.tenant = :tenant AND f.code = :code ORDER BY f.version DESC LIMIT :limit
    """
)
REMEMBER = text(
    """
    INSERT INTO former_components (tenant, code, kind, name, longitude, latitude, unit, org_id, state, version,
        replaced_version)
    SELECT tenant, code, kind, name, longitude, latitude, unit, org_id, state, version, CAST(:version AS integer)
    FROM components WHERE tenant = :tenant AND code = ANY(CAST(:codes AS text[]))
    """
)
# Columns instead of rows: for a kind of 200 000 that takes a fifth of the time.
POINTS = text(
    """
    SELECT array_agg(code) AS codes, array_agg(longitude) AS longitudes, array_agg(latitude) AS latitudes
    FROM components WHERE tenant = :tenant AND kind = :kind AND state = 'active'
    """
)
VERSION = text(
    """
    SELECT origin, version AS street_version, coalesce(
        (SELECT max(v.version) FROM component_versions v WHERE v.tenant = streets.tenant), 0) AS version
    FROM streets WHERE tenant = :tenant
    """
)


class Version(NamedTuple):
    """Of the inventory and of its street. `origin` tells the street from one of the same code in another database."""

    origin: UUID
    street: int
    inventory: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which components of a street; `units`: in any of these."""

    tenant: str
    kind: str | None = None
    units: Sequence[str] | None = None
    org_id: str | None = None
    state: State | None = None
    after: str = ""

    def parameters(self) -> dict[str, Any]:
        return asdict(self) | {"state": self.state and str(self.state)}


@dataclass(frozen=True, slots=True)
class Points:
    """The active ones of a kind, in columns."""

    codes: Sequence[str]
    longitudes: Sequence[float]
    latitudes: Sequence[float]


async def version_of(db: Database, tenant: str) -> Version | None:
    """None for a street that is not here."""
    row = await db.one(VERSION, {"tenant": tenant})
    return Version(row.origin, row.street_version, row.version) if row is not None else None


async def by_code(db: Database, tenant: str, codes: Iterable[str]) -> dict[str, Component]:
    """Those of the codes that there are."""
    found = await db.rows(THOSE, {"tenant": tenant, "codes": list(codes)})
    return {row.code: component_of(row) for row in found}


async def of_streets(db: Database, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Component]:
    """Those that there are, by (tenant, code)."""
    tenants, codes = columns_of(sorted(keys), 2)
    found = await db.rows(OF_STREETS, {"tenants": tenants, "codes": codes})
    return {(row.tenant, row.code): component_of(row) for row in found}


async def active_without(db: Database, tenant: str, codes: Collection[str]) -> list[Component]:
    """The active ones of other codes."""
    return [component_of(row) for row in await db.rows(OTHERS, {"tenant": tenant, "codes": list(codes)})]


async def all_of(db: Database, tenant: str) -> list[Component]:
    return [component_of(row) for row in await db.rows(ALL, {"tenant": tenant})]


async def page(db: Database, wanted: Wanted, limit: int) -> list[Record]:
    """By code, after the one that is named."""
    return await db.rows(PAGE, wanted.parameters() | {"limit": limit})


async def one(db: Database, tenant: str, code: str) -> Record | None:
    return await db.one(THOSE, {"tenant": tenant, "codes": [code]})


async def before(db: Database, tenant: str, code: str, limit: int) -> Sequence[Record]:
    """What a component was, the latest first."""
    return await db.rows(BEFORE, {"tenant": tenant, "code": code, "limit": limit})


async def points(db: Database, tenant: str, kind: str) -> Points:
    [row] = await db.rows(POINTS, {"tenant": tenant, "kind": kind})
    return Points(row.codes or (), row.longitudes or (), row.latitudes or ())


async def write(db: Database, tenant: str, change: Change, version: int, now: datetime) -> None:
    """Make a change, and remember what was there before it."""
    replaced = change.replaced
    for codes in _parts([each.code for each in replaced]):
        await db.execute(REMEMBER, {"tenant": tenant, "version": version, "codes": codes})
    for part in _parts(change.new):
        await db.insert(ComponentRow, [_row(tenant, each, version) for each in part])
    for part in _parts(replaced):
        await db.update(ComponentRow, ["tenant", "code"], [_row(tenant, each, version) for each in part])
    counts = {"new": len(change.new), "changed": len(change.changed), "moved": change.moved}
    row = {"tenant": tenant, "version": version, "made_at": now, "retired": len(change.retired), **counts}
    await db.insert(ComponentVersionRow, [row])


def _parts(whole: Sequence[T]) -> Iterator[Sequence[T]]:
    return (whole[at : at + WRITTEN_AT_ONCE] for at in range(0, len(whole), WRITTEN_AT_ONCE))


def component_of(row: Record) -> Component:
    return Component(**{name: row[name] for name in _SAME} | {"state": State(row.state)})


_SAME = tuple(field.name for field in fields(Component))


def _row(tenant: str, component: Component, version: int) -> dict[str, Any]:
    same = {name: getattr(component, name) for name in _SAME}
    return {"tenant": tenant, **same, "state": str(component.state), "version": version}
