"""A street's inventory takes over what a file says, within one transaction; its units follow the map of the street."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from libs.chassis.db.database import Database
from services.dispatch.components import tables as component_tables
from services.dispatch.components.domain.inventory import Change, Component, compare, relocated
from services.dispatch.grid.tables import all_units


async def difference(db: Database, tenant: str, wanted: Sequence[Component], *, retire_others: bool) -> Change:
    """What an import would change; with `retire_others` the active ones that are not in it retire."""
    codes = [each.code for each in wanted]
    present = await component_tables.by_code(db, tenant, codes)
    others = await component_tables.active_without(db, tenant, codes) if retire_others else []
    return compare(present, wanted, others, await _version(db, tenant))


async def put_in_force(db: Database, tenant: str, change: Change, now: datetime) -> Change:
    """Write a change and make the next version of the inventory; the change with its version.

    A change of nothing makes no version. The caller has waited for other imports of the street.
    """
    if not change:
        return change
    version = change.version + 1
    await component_tables.write(db, tenant, change, version, now)
    return replace(change, version=version)


async def follow_map(db: Database, tenant: str, now: datetime) -> None:
    """The components stand in the units of a new map; the caller has waited for other imports of the street."""
    present = await component_tables.all_of(db, tenant)
    if not present:
        return
    units = await all_units(db, tenant)
    found = units.map.locate([(each.longitude, each.latitude) for each in present])
    codes = [units.unit(at.unit).code if at is not None and not at.metres else None for at in found]
    await put_in_force(db, tenant, relocated(present, codes, await _version(db, tenant)), now)


async def _version(db: Database, tenant: str) -> int:
    known = await component_tables.version_of(db, tenant)
    return known.inventory if known is not None else 0
