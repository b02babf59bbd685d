"""A roster as the street that it would make, before it is imported."""

from __future__ import annotations

from shapely import wkb
from shapely.geometry.base import BaseGeometry

from libs.contracts.values import Level, OrgKind
from services.dispatch.calendar import tables as calendar_tables
from services.dispatch.calendar.tables import CalendarDayRow, HoursRow
from services.dispatch.grid import tables as grid_tables
from services.dispatch.grid.domain.tree import GridTree, Unit
from services.dispatch.grid.tables import PlaceRow
from services.dispatch.roster.checks import Roster
from services.dispatch.street import tables as streets
from services.dispatch.street.domain.rules import Rules
from services.dispatch.street.domain.street import Street
from services.dispatch.street.tables import RoutingRuleRow


def street_of(roster: Roster) -> Street:
    """As routing sees it: without members, who do not say where a case goes."""
    units = [
        Unit(
            row["code"],
            Level(row["level"]),
            row["parent"],
            row["name"],
            row["org_id"],
            OrgKind(row["org_kind"]),
            row["org_name"],
            tuple(row["aliases"]),
        )
        for row in roster.units.values()
    ]
    borders: dict[str, BaseGeometry] = {
        code: wkb.loads(row["border"]) for code, row in roster.units.items() if row["border"] is not None
    }
    return Street(
        tenant=roster.tenant,
        units=GridTree.of(units, borders),
        members={},
        responsibilities=streets.by_category(roster.responsibilities),
        calendar=calendar_tables.calendar_of(
            [CalendarDayRow(**row) for row in roster.calendar.values()],
            [HoursRow(**row) for _, row in sorted(roster.hours.items())],
        ),
        places=[grid_tables.place(PlaceRow(**row)) for row in roster.places.values()],
        rules=Rules([streets.rule(RoutingRuleRow(**row)) for row in roster.rules.values()]),
    )
