"""The street's calendar and the names of its places, looked up over HTTP."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field, WithJsonSchema

from libs.chassis.http import DatabaseDep, OfStreet
from libs.contracts.reasons import ReasonView
from services.dispatch.grid.domain.gazetteer import Candidate
from services.dispatch.street.lookup import street_or_404

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
