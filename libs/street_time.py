"""The time that people in a street see."""

from __future__ import annotations

from datetime import timedelta, timezone

STREET_ZONE = timezone(timedelta(hours=8), "Asia/Shanghai")
"""The zone of every street, for days and times that people see: China has one, and no summer time."""
