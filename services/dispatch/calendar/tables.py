"""The days and hours that a street works, as its roster says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, time

from sqlalchemy import Column, Date, Time
from sqlmodel import Field

from libs.chassis.db.columns import select, text_column
from libs.chassis.db.database import Database, Record
from services.dispatch.calendar.domain import NATIONAL, USUAL_HOURS, Calendar, DayException
from services.dispatch.table import DispatchTable


class CalendarDayRow(DispatchTable, table=True):
    """A day that the street works or not, whatever the country does."""

    __tablename__ = "calendar_days"

    tenant: str = text_column(key=True)
    day: date = Field(sa_column=Column(Date, primary_key=True))
    kind: str = text_column()
    name: str = text_column()


class HoursRow(DispatchTable, table=True):
    """Working hours of a day, from and until; a street without any has the usual ones."""

    __tablename__ = "working_hours"

    tenant: str = text_column(key=True)
    opens: time = Field(sa_column=Column(Time, primary_key=True))
    closes: time = Field(sa_column=Column(Time, nullable=False))


DAYS = select(CalendarDayRow, "WHERE tenant = :tenant")
HOURS = select(HoursRow, "WHERE tenant = :tenant ORDER BY opens")


async def load_calendar(db: Database, tenant: str) -> Calendar:
    return calendar_of(await db.rows(DAYS, {"tenant": tenant}), await db.rows(HOURS, {"tenant": tenant}))


def calendar_of(days: Sequence[Record | CalendarDayRow], hours: Sequence[Record | HoursRow]) -> Calendar:
    """`hours` in their sequence; without both, the country's calendar at the usual hours."""
    if not days and not hours:
        return NATIONAL
    return Calendar(
        {row.day: DayException(row.kind == "workday", row.name) for row in days},
        tuple((row.opens, row.closes) for row in hours) or USUAL_HOURS,
    )
