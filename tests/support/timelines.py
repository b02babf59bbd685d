"""Timelines of a case as values, with their chain of hashes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.incident.cases.domain.case import Move
from services.incident.cases.domain.history import Entry, Head, append, no_entries

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
STREET, CASE = "370784004", UUID(int=1)
CLAIMED = {"order_id": str(UUID(int=2)), "member_id": "m-1", "org_id": "P4", "category": "11001"}

STEPS: list[tuple[str, dict[str, Any]]] = [
    ("reported", {"sender": "web", "state": "reported"}),
    ("registered", {"move": Move.ACCEPT, "by_member": "m-7", "reason": None}),
    ("claimed", {**CLAIMED, "handle_by": "2026-11-23T12:00:00Z"}),
    ("handled", {**CLAIMED, "on_time": True}),
]

Chain = list[tuple[Entry, bytes]]


def chain(*steps: tuple[str, dict[str, Any]]) -> tuple[Chain, Head]:
    """A minute between two recordings; the facts happened an hour before."""
    head, entries = no_entries(NOON), []
    for minute, (step, details) in enumerate(steps):
        at = NOON + timedelta(minutes=minute)
        entry, head = append(head, STREET, CASE, UUID(int=minute + 9), step, at - timedelta(hours=1), at, details)
        entries.append((entry, head.hash))
    return entries, head
