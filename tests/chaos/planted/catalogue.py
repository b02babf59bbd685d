"""Every bug that there is."""

from __future__ import annotations

from tests.chaos.planted import dispatching, messages, points, reporting, telling
from tests.chaos.planted.bugs import BUGS

__all__ = ["BUGS", "dispatching", "messages", "points", "reporting", "telling"]
