"""The street's calendar, the names of its places, and who its ids and codes are, looked up over HTTP."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field, WithJsonSchema

from libs.chassis.http import DatabaseDep, OfStreet
from libs.contracts.message import GridCode, MemberId, OrgId
from libs.contracts.reasons import ReasonView
from libs.contracts.values import Level, MemberKind, OrgKind
from services.dispatch.grid.domain.gazetteer import Candidate
from services.dispatch.grid.domain.tree import Unit
from services.dispatch.street.domain.street import Member, Street
from services.dispatch.street.lookup import member_or_404, org_or_404, street_or_404, unit_or_404

router = APIRouter(tags=["street"])

ClockTime = Annotated[time, WithJsonSchema({"type": "string", "pattern": r"^\d\d:\d\d:\d\d$"})]
"""In the street's zone: what JSON Schema calls a time has an offset."""


class HoursView(BaseModel):
    opens: ClockTime
    closes: ClockTime


class YearView(BaseModel):
    """`known` is false while nobody has published the holidays of the year: then Monday to Friday are worked.

    `holidays` are Mondays to Fridays off, `workdays` Saturdays and Sundays worked (调休).
    """

    year: int
    known: bool
    hours: list[HoursView]
    holidays: list[date]
    workdays: list[date]


@router.get("/v1/calendar/{year}")
async def calendar(year: Annotated[int, Path(ge=2004, le=2099)], tenant: OfStreet, db: DatabaseDep) -> YearView:
    """When the street works: hours, the days on which it differs from Monday to Friday, and whether that is certain."""
    works = (await street_or_404(db, tenant)).calendar
    days = [date(year, 1, 1) + timedelta(days=n) for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days)]
    return YearView(
        year=year,
        known=works.is_known(year),
        hours=[HoursView(opens=opens, closes=closes) for opens, closes in works.hours],
        holidays=[day for day in days if day.weekday() < 5 and not works.is_worked(day)],
        workdays=[day for day in days if day.weekday() >= 5 and works.is_worked(day)],
    )


class CandidateView(BaseModel):
    """What a name may mean, with the units on the way to it."""

    code: str
    name: str
    path: str = Field(examples=["凌河街道 › 春晖社区 › 大儒林村网格"])
    because: list[ReasonView]


@router.get("/v1/places")
async def places(
    db: DatabaseDep, tenant: OfStreet, q: Annotated[str, Query(min_length=1, max_length=100)]
) -> list[CandidateView]:
    """地名. What a half-typed name of a place may become, the likeliest first."""
    return [candidate_view(each) for each in (await street_or_404(db, tenant)).gazetteer.suggest(q)]


def candidate_view(candidate: Candidate) -> CandidateView:
    return CandidateView.model_validate(candidate, from_attributes=True)


class MemberNamed(BaseModel):
    """Who a member is; how to reach them, notify alone knows."""

    member_id: str = Field(examples=["M0415"])
    name: str
    kind: MemberKind
    unit: str
    unit_name: str
    org_id: str
    org_name: str


class OrganisationNamed(BaseModel):
    """An organisation, and the unit that it answers for."""

    org_id: str
    name: str
    kind: OrgKind
    unit: str
    unit_name: str


class UnitNamed(BaseModel):
    """A unit of the grid tree, the one above it, and who answers for it."""

    code: str
    name: str
    level: Level
    parent: str | None = Field(description="Null for the street.")
    path: list[str] = Field(description="Names from the street down to it.")
    org_id: str
    org_name: str


@router.get("/v1/members")
async def members(
    tenant: OfStreet, db: DatabaseDep, unit: Annotated[GridCode, Query(description="Posted there or below it.")]
) -> list[MemberNamed]:
    """Who serves in a unit: whom an order may be assigned to, or who may help."""
    street = await street_or_404(db, tenant)
    unit_or_404(street, unit)
    return [_named(street, each) for each in street.members_below.get(unit, ())]


@router.get("/v1/organisations")
async def organisations(tenant: OfStreet, db: DatabaseDep) -> list[OrganisationNamed]:
    """Those of the street, by the codes of the units that they answer for."""
    street = await street_or_404(db, tenant)
    return [_answering(unit) for _, unit in sorted(street.units.items())]


@router.get("/v1/members/{member_id}")
async def member(member_id: MemberId, tenant: OfStreet, db: DatabaseDep) -> MemberNamed:
    """Who a member is that facts and lists name by id."""
    street = await street_or_404(db, tenant)
    return _named(street, member_or_404(street, member_id))


@router.get("/v1/organisations/{org_id}")
async def organisation(org_id: OrgId, tenant: OfStreet, db: DatabaseDep) -> OrganisationNamed:
    """Which organisation it is that facts and lists name by id."""
    return _answering(org_or_404(await street_or_404(db, tenant), org_id))


@router.get("/v1/units/{code}")
async def unit(code: GridCode, tenant: OfStreet, db: DatabaseDep) -> UnitNamed:
    """Which unit of the street it is that facts and lists name by code."""
    street = await street_or_404(db, tenant)
    found = unit_or_404(street, code)
    path = [above.name for above in street.ancestors(code)]
    same = ("code", "name", "level", "parent", "org_id", "org_name")
    return UnitNamed(**{name: getattr(found, name) for name in same}, path=path[::-1])


def _named(street: Street, member: Member) -> MemberNamed:
    names = {
        "unit_name": _unit_name(street, member.unit),
        "org_name": street.org_names.get(member.org_id, member.org_id),
    }
    same = ("member_id", "name", "kind", "unit", "org_id")
    return MemberNamed(**{name: getattr(member, name) for name in same}, **names)


def _answering(unit: Unit) -> OrganisationNamed:
    of = {"org_id": unit.org_id, "name": unit.org_name, "kind": unit.org_kind}
    return OrganisationNamed(**of, unit=unit.code, unit_name=unit.name)


def _unit_name(street: Street, code: str) -> str:
    found = street.units.get(code)
    return found.name if found is not None else code
