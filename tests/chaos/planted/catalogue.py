"""Every bug that there is."""

from __future__ import annotations

from tests.chaos.planted import dispatching, messages, points, reporting, speaking, telling, together
from tests.chaos.planted.bugs import BUGS, Trouble

__all__ = [
    "BUGS",
    "bugs_of",
    "dispatching",
    "messages",
    "points",
    "reporting",
    "speaking",
    "telling",
    "together",
    "troubles_of",
]


def bugs_of(*services: str) -> list[str]:
    return sorted(name for name, bug in BUGS.items() if bug.service in services)


def troubles_of(service: str) -> list[Trouble]:
    """The troubles in which bugs of the service come to light."""
    return sorted({bug.trouble for bug in BUGS.values() if bug.service == service and bug.trouble}, key=str)
