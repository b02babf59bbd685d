"""A roster as the street that it would make, before it is imported."""

from __future__ import annotations

from shapely import wkb
from shapely.geometry.base import BaseGeometry

from libs.contracts.values import Level, OrgKind
from services.dispatch.domain.rules import Rules
from services.dispatch.domain.street import Street
from services.dispatch.domain.tree import GridTree, Unit
from services.dispatch.roster_checks import Roster
from services.dispatch.tables import streets
from services.dispatch.tables.rows import CalendarDayRow, HoursRow, PlaceRow, RoutingRuleRow


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
        calendar=streets.calendar_of(
            [CalendarDayRow(**row) for row in roster.calendar.values()],
            [HoursRow(**row) for _, row in sorted(roster.hours.items())],
        ),
        places=[streets.place(PlaceRow(**row)) for row in roster.places.values()],
        rules=Rules([streets.rule(RoutingRuleRow(**row)) for row in roster.rules.values()]),
    )
