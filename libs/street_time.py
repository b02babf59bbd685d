"""The time that people in a street see."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

STREET_ZONE = timezone(timedelta(hours=8), "Asia/Shanghai")
"""The zone of every street, for days and times that people see: China has one, and no summer time."""


def local_day(at: datetime) -> date:
    """The day in the street."""
    return at.astimezone(STREET_ZONE).date()


def local_minutes(at: datetime) -> str:
    """As people read it, such as 2026-11-23 12:00."""
    return f"{at.astimezone(STREET_ZONE):%Y-%m-%d %H:%M}"
