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
from shapely.geometry.base import BaseGeometry

from libs.contracts.values import LEVELS_ZH, Level
from libs.sentences import Sentence
from libs.sheets.forms import SheetLine
from libs.sheets.mistakes import Mistake, Mistaken, Where
from services.dispatch.calendar.domain import wrong_hours
from services.dispatch.grid.domain.borders import Borders
from services.dispatch.grid.domain.tree import LEVELS, as_array
from services.dispatch.responsibility import file as responsibility_file
from services.dispatch.responsibility.domain.columns import ORG_KINDS
from services.dispatch.roster.domain.places_and_rules import (
    no_unit,
    place_row,
    rule_row,
    twice,
    wrong_places,
    wrong_rules,
)
from services.dispatch.roster.files import Files
from services.dispatch.roster.forms import HOURS, Hours, Member, Organisation, Unit
from services.dispatch.street.domain.responsibility import ANSWERING, Responsibility

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Roster:
    """Rows by their key: unit's code, member's id, day, hour of opening, place's id, rule's number; and the list.

    Contacts, by member, are in no row. `remarks`: how the files were read.
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
    remarks: list[Sentence]


def roster(files: Files, tenant: str, digest_key: bytes) -> Roster:
    """Raises Mistaken with every disagreement.

    Contacts are kept as digests, keyed, so that equal addresses of two installations do not look alike.
    """
    borders: dict[str, bytes | None] = {}
    mistakes = [
        *_twice("code", files.units),
        *_twice("org_id", files.organisations),
        *_twice("unit", files.organisations),
        *_twice("member_id", files.members),
        *_tree(files.units, tenant),
        *_borders(files.units, borders),
        *_organisations(files),
        *_members(files),
        *responsibility_file.disagreements(files.responsibilities, {unit.code for unit in files.units}),
        *_twice("day", files.calendar),
        *_hours(files.hours),
        *_routing(files, borders),
    ]
    if mistakes:
        raise Mistaken(mistakes)
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
        files.remarks,
    )


def _twice(column: str, entries: Iterable[SheetLine]) -> Iterator[Mistake]:
    return twice(column, [(entry.where, getattr(entry, column)) for entry in entries])


def _tree(units: list[Unit], tenant: str) -> Iterator[Mistake]:
    levels = {unit.code: unit.level for unit in units}
    if levels.get(tenant) is not Level.STREET:
        wrong = Sentence(f"要有一个街道层级的单元 {tenant}", f"there must be a unit {tenant} of level street")
        yield Mistake(Where("units"), None, wrong)
    for unit in units:
        if not unit.code.startswith(tenant):
            wrong = Sentence(
                f"{unit.code} 不属于 {tenant}：下级单元的代码以街道代码开头",
                f"{unit.code} is no unit of {tenant}, whose units begin with its code",
            )
            yield Mistake(unit.where, "code", wrong)
        elif unit.level is Level.STREET:
            if unit.code != tenant or unit.parent is not None:
                wrong = Sentence(
                    f"只有 {tenant} 是街道，且没有上级", f"only {tenant} is a street, and it has no parent"
                )
                yield Mistake(unit.where, "level", wrong)
        else:
            above = LEVELS[LEVELS.index(unit.level) - 1]
            if levels.get(unit.parent or "") is not above:
                wrong = Sentence(
                    f"{unit.parent or '空'} 应为{LEVELS_ZH[above]}的代码",
                    f"{unit.parent} must be the code of a unit of level {above}",
                )
                yield Mistake(unit.where, "parent", wrong)


def _borders(units: list[Unit], borders: dict[str, bytes | None]) -> Iterator[Mistake]:
    """Only micro-grids have borders: those above are the sum of what lies below."""
    for unit in units:
        borders[unit.code] = None
        border = _border(unit)
        if isinstance(border, Sentence):
            yield Mistake(unit.where, "border", border)
        elif border is not None:
            borders[unit.code] = shapely.to_wkb(shapely.force_2d(border))


def _border(unit: Unit) -> BaseGeometry | Sentence | None:
    """The border of a unit, if it has one, or what is wrong with it."""
    if unit.level is not Level.MICRO_GRID:
        if unit.border is None:
            return None
        return Sentence(
            f"{LEVELS_ZH[unit.level]}没有边界，只有微网格有",
            f"must be null for a {unit.level}: only a micro_grid has a border",
        )
    if unit.border is None or unit.border.get("type") not in ("Polygon", "MultiPolygon"):
        return Sentence("微网格要有多边形边界", "a micro_grid needs a Polygon or MultiPolygon")
    try:
        border = shape(unit.border)
    except (ValueError, TypeError, KeyError, shapely.errors.ShapelyError) as error:
        return Sentence("不是多边形", f"is no polygon: {error}")
    if border.is_empty or not border.is_valid:
        return Sentence("不是有效的多边形（可能自相交）", f"is no valid polygon: {shapely.is_valid_reason(border)}")
    if not _is_on_earth(border.bounds):
        return Sentence(
            "坐标应先经度、后纬度，以度为单位：-180 至 180，-90 至 90",
            "positions must be longitude, latitude in degrees: -180 to 180, -90 to 90",
        )
    return border


def _is_on_earth(bounds: tuple[float, float, float, float]) -> bool:
    west, south, east, north = bounds
    return -180 <= west <= east <= 180 and -90 <= south <= north <= 90


def _organisations(files: Files) -> Iterator[Mistake]:
    levels = {unit.code: unit.level for unit in files.units}
    for org in files.organisations:
        level = levels.get(org.unit)
        if level is None:
            yield Mistake(org.where, "unit", no_unit(org.unit))
        elif org.kind is not ANSWERING[level]:
            wrong = Sentence(
                f"{ORG_KINDS[org.kind]}应为{ORG_KINDS[ANSWERING[level]]}，因为 {org.unit} 是{LEVELS_ZH[level]}",
                f"{org.kind} must be {ANSWERING[level]}, since {org.unit} is a {level}",
            )
            yield Mistake(org.where, "kind", wrong)
    answered = {org.unit for org in files.organisations}
    for unit in files.units:
        if unit.code not in answered:
            wrong = Sentence(
                f"没有组织负责 {unit.code}：组织表中要有一个",
                f"no organisation answers for {unit.code}: organisations needs one",
            )
            yield Mistake(unit.where, "code", wrong)


def _members(files: Files) -> Iterator[Mistake]:
    units, orgs = {u.code for u in files.units}, {o.org_id for o in files.organisations}
    for member in files.members:
        if member.unit not in units:
            yield Mistake(member.where, "unit", no_unit(member.unit))
        if member.org_id not in orgs:
            wrong = Sentence(f"组织表中没有 {member.org_id}", f"{member.org_id} is no organisation of the roster")
            yield Mistake(member.where, "org_id", wrong)


def _hours(hours: list[Hours]) -> Iterator[Mistake]:
    wrong = wrong_hours([(each.opens, each.closes) for each in hours]) if hours else None
    if wrong:
        yield Mistake(Where(HOURS.name), None, wrong)


def _routing(files: Files, borders: dict[str, bytes | None]) -> Iterator[Mistake]:
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
    row = unit.model_dump(mode="json", exclude={"where", "border"})
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
    return {"tenant": tenant, **row, "skills": sorted(member.skills), "contact_digest": digest}
