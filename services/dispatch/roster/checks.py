"""Whether the files of a roster agree with one another, and the rows of the tables that they make."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, time
from hashlib import blake2b
from typing import Any

import shapely
from shapely.geometry import shape

from libs.contracts.values import Level
from services.dispatch.calendar.domain import wrong_hours
from services.dispatch.grid.domain.borders import Borders
from services.dispatch.grid.domain.tree import LEVELS, as_array
from services.dispatch.responsibility import file as responsibility_file
from services.dispatch.roster.domain.cell_types import Problem
from services.dispatch.roster.domain.places_and_rules import place_row, rule_row, wrong_places, wrong_rules
from services.dispatch.roster.files import (
    HOURS,
    RESPONSIBILITY,
    UNITS,
    Entry,
    Files,
    Hours,
    Member,
    NotARoster,
    Organisation,
    Unit,
    of_cell,
)
from services.dispatch.street.domain.responsibility import ANSWERING, Responsibility

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Roster:
    """Rows by their key: unit's code, member's id, day, hour of opening, place's id, rule's number; and the list.

    Contacts, by member, are in no row.
    """

    tenant: str
    units: dict[str, Row]
    members: dict[str, Row]
    responsibilities: list[Responsibility]
    calendar: dict[date, Row]
    hours: dict[time, Row]
    places: dict[str, Row]
    rules: dict[int, Row]
    contacts: dict[str, dict[str, Any]]


def roster(files: Files, tenant: str, digest_key: bytes) -> Roster:
    """Raises NotARoster with every disagreement.

    Contacts are kept as digests, keyed, so that equal addresses of two installations do not look alike.
    """
    borders: dict[str, bytes | None] = {}
    problems = [
        *_duplicates("code", files.units),
        *_duplicates("org_id", files.organisations),
        *_duplicates("unit", files.organisations),
        *_duplicates("member_id", files.members),
        *_tree(files.units, tenant),
        *_borders(files.units, borders),
        *_organisations(files),
        *_members(files),
        *_responsibilities(files),
        *_duplicates("day", files.calendar),
        *_hours(files.hours),
        *_routing(files, borders),
    ]
    if problems:
        raise NotARoster(problems)
    orgs = {org.unit: org for org in files.organisations}
    contacts = {m.member_id: _contact(m) for m in files.members}
    return Roster(
        tenant,
        {u.code: _unit_row(u, orgs[u.code], tenant, borders[u.code]) for u in files.units},
        {m.member_id: _member_row(m, tenant, _digest(contacts[m.member_id], digest_key)) for m in files.members},
        [each.row for each in files.responsibilities],
        {d.day: {"tenant": tenant, **d.model_dump(exclude={"where"})} for d in files.calendar},
        {h.opens: {"tenant": tenant, **h.model_dump(exclude={"where"})} for h in files.hours},
        {p.place_id: place_row(p, tenant) for p in files.places},
        {r.number: rule_row(r, tenant) for r in files.rules},
        contacts,
    )


def _duplicates(column: str, entries: Iterable[Entry]) -> Iterator[Problem]:
    first: dict[Any, str] = {}
    for entry in entries:
        value = getattr(entry, column)
        if value in first:
            yield Problem(f"{entry.where}, {column}", f"{value} is in {first[value]} already")
        first.setdefault(value, entry.where)


def _tree(units: list[Unit], tenant: str) -> Iterator[Problem]:
    levels = {unit.code: unit.level for unit in units}
    if levels.get(tenant) is not Level.STREET:
        yield Problem(UNITS, f"there must be a unit {tenant} of level street")
    for unit in units:
        if not unit.code.startswith(tenant):
            yield Problem(f"{unit.where}, code", f"{unit.code} is no unit of {tenant}, whose units begin with its code")
        elif unit.level is Level.STREET:
            if unit.code != tenant or unit.parent is not None:
                yield Problem(f"{unit.where}, level", f"only {tenant} is a street, and it has no parent")
        else:
            above = LEVELS[LEVELS.index(unit.level) - 1]
            if levels.get(unit.parent or "") is not above:
                yield Problem(f"{unit.where}, parent", f"{unit.parent} must be the code of a unit of level {above}")


def _borders(units: list[Unit], borders: dict[str, bytes | None]) -> Iterator[Problem]:
    """Only micro-grids have borders: those above are the sum of what lies below."""
    for unit in units:
        where, borders[unit.code] = f"{unit.where}, geometry", None
        if unit.level is not Level.MICRO_GRID:
            if unit.geometry is not None:
                yield Problem(where, f"must be null for a {unit.level}: only a micro_grid has a border")
            continue
        if unit.geometry is None or unit.geometry.get("type") not in ("Polygon", "MultiPolygon"):
            yield Problem(where, "a micro_grid needs a Polygon or MultiPolygon")
            continue
        try:
            border = shape(unit.geometry)
        except (ValueError, TypeError, KeyError, shapely.errors.ShapelyError) as error:
            yield Problem(where, f"is no polygon: {error}")
            continue
        if border.is_empty or not border.is_valid:
            yield Problem(where, f"is no valid polygon: {shapely.is_valid_reason(border)}")
        elif not _is_on_earth(border.bounds):
            yield Problem(where, "positions must be longitude, latitude in degrees: -180 to 180, -90 to 90")
        else:
            borders[unit.code] = shapely.to_wkb(shapely.force_2d(border))


def _is_on_earth(bounds: tuple[float, float, float, float]) -> bool:
    west, south, east, north = bounds
    return -180 <= west <= east <= 180 and -90 <= south <= north <= 90


def _organisations(files: Files) -> Iterator[Problem]:
    levels = {unit.code: unit.level for unit in files.units}
    for org in files.organisations:
        level = levels.get(org.unit)
        if level is None:
            yield Problem(f"{org.where}, unit", f"{org.unit} is not in {UNITS}")
        elif org.kind is not ANSWERING[level]:
            yield Problem(f"{org.where}, kind", f"{org.kind} must be {ANSWERING[level]}, since {org.unit} is a {level}")
    answered = {org.unit for org in files.organisations}
    for unit in files.units:
        if unit.code not in answered:
            yield Problem(
                f"{unit.where}, code", f"no organisation answers for {unit.code}: organisations.csv needs one"
            )


def _members(files: Files) -> Iterator[Problem]:
    units, orgs = {u.code for u in files.units}, {o.org_id for o in files.organisations}
    for member in files.members:
        if member.unit not in units:
            yield Problem(f"{member.where}, unit", f"{member.unit} is not in {UNITS}")
        if member.org_id not in orgs:
            yield Problem(f"{member.where}, org_id", f"{member.org_id} is not in organisations.csv")


def _responsibilities(files: Files) -> Iterator[Problem]:
    for bad in responsibility_file.disagreements(files.responsibilities, {unit.code for unit in files.units}):
        yield of_cell(RESPONSIBILITY, bad)


def _hours(hours: list[Hours]) -> Iterator[Problem]:
    wrong = wrong_hours([(each.opens, each.closes) for each in hours]) if hours else None
    if wrong:
        yield Problem(HOURS, wrong)


def _routing(files: Files, borders: dict[str, bytes | None]) -> Iterator[Problem]:
    units = {unit.code for unit in files.units}
    drawn = as_array([shapely.from_wkb(border) for border in borders.values() if border is not None])
    yield from wrong_places([(p.where, p) for p in files.places], units, Borders(drawn))
    areas = {each.row.category: each.row.area for each in files.responsibilities}
    yield from wrong_rules([(r.where, r) for r in files.rules], units, areas)


def _contact(member: Member) -> dict[str, Any]:
    return {"email": member.email, "language": member.language} if member.email else {"language": member.language}


def _digest(contact: dict[str, Any], key: bytes) -> str:
    return blake2b(json.dumps(contact, sort_keys=True).encode(), key=key, digest_size=16).hexdigest()


def _unit_row(unit: Unit, org: Organisation, tenant: str, border: bytes | None) -> Row:
    row = unit.model_dump(mode="json", exclude={"where", "geometry"})
    return {
        "tenant": tenant,
        **row,
        "org_id": org.org_id,
        "org_kind": str(org.kind),
        "org_name": org.name,
        "border": border,
    }


def _member_row(member: Member, tenant: str, digest: str) -> Row:
    row = member.model_dump(mode="json", exclude={"where", "email", "language"})
    return {"tenant": tenant, **row, "contact_digest": digest}
