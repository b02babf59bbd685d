"""The components that cases name, and the nearest of a kind, from an index that each process keeps of what is asked."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

from libs.chassis.db.database import Database
from libs.contracts.incident import CaseSummary
from libs.contracts.values import Place, Position
from services.dispatch.components import tables as component_tables
from services.dispatch.components.domain.inventory import Component
from services.dispatch.components.domain.naming import Named, place_of
from services.dispatch.components.domain.nearby import Near, Nearby
from services.dispatch.components.tables import Version
from services.dispatch.street.domain.street import Street

C = TypeVar("C", bound=CaseSummary)

KEPT = 200
"""Kinds of streets that a process keeps at once."""


class _Known(NamedTuple):
    version: Version
    nearby: Nearby


_known: OrderedDict[tuple[str, str], _Known] = OrderedDict()
"""By street and kind, each as this process last saw it; the one that was asked for last comes last."""


async def nearest(db: Database, tenant: str, kind: str, point: Position, within_metres: float) -> Near | None:
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


async def named_by(db: Database, cases: Sequence[C], streets: Mapping[str, Street]) -> list[tuple[C, Named | None]]:
    """Each case at its place, which is the component's where it says no other, and the component that it names."""
    wanted = {(case.tenant, case.component) for case in cases if case.component is not None}
    found = await component_tables.of_streets(db, wanted) if wanted else {}
    named: list[tuple[C, Named | None]] = []
    for case in cases:
        if case.component is None:
            named.append((case, None))
            continue
        component = found.get((case.tenant, case.component))
        known, place = _named(case.component, component, case.place, streets[case.tenant])
        named.append((case.model_copy(update={"place": place}), known))
    return named


async def located(
    db: Database, tenant: str, code: str | None, place: Place, street: Street
) -> tuple[Named | None, Place]:
    """The component of the code, and where a report that says code and place is."""
    if code is None:
        return None, place
    found = await component_tables.of_streets(db, {(tenant, code)})
    return _named(code, found.get((tenant, code)), place, street)


def _named(code: str, component: Component | None, place: Place, street: Street) -> tuple[Named, Place]:
    known = Named.of(code, component, place, street)
    return known, place_of(known, component, place)
