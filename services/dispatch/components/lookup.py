"""The nearest component of a kind, from an index that each process keeps of the kinds it is asked about."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import NamedTuple

from libs.chassis.db.database import Database
from libs.contracts.values import Point
from services.dispatch.components import tables as component_tables
from services.dispatch.components.domain.nearby import Near, Nearby
from services.dispatch.components.tables import Version

KEPT = 200
"""Kinds of streets that a process keeps at once."""


class _Known(NamedTuple):
    version: Version
    nearby: Nearby


_known: OrderedDict[tuple[str, str], _Known] = OrderedDict()
"""By street and kind, each as this process last saw it; the one that was asked for last comes last."""


async def nearest(db: Database, tenant: str, kind: str, point: Point, within_metres: float) -> Near | None:
    """The nearest active one, as the inventory is now: its version is asked for each time."""
    version = await component_tables.version_of(db, tenant)
    if version is None:
        return None
    known = _known.get((tenant, kind))
    if known is None or (known.version.origin, known.version.inventory) != (version.origin, version.inventory):
        points = await component_tables.points(db, tenant, kind)
        nearby = await asyncio.to_thread(Nearby, points.codes, points.longitudes, points.latitudes)
        known = _known[tenant, kind] = _Known(version, nearby)
    _known.move_to_end((tenant, kind))
    if len(_known) > KEPT:
        _known.popitem(last=False)
    return known.nearby.nearest(point.longitude, point.latitude, within_metres)
