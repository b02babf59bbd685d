"""The history of a case: entries that are only appended, each with a hash over the one before, and what they tell."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from itertools import takewhile
from typing import Any
from uuid import UUID

from libs.contracts.dispatch import (
    AppealUpheld,
    ApprovalAsked,
    ApprovalRefused,
    HelpAsked,
    HelpAssigned,
    HelpCalledOff,
    HelpDone,
    HelpOverdue,
    OrderAssigned,
    OrderCancelled,
    OrderChecked,
    OrderClaimed,
    OrderContinued,
    OrderCorrected,
    OrderDispatched,
    OrderEscalated,
    OrderExtended,
    OrderHandled,
    OrderMoved,
    OrderOverdue,
    OrderPassedOn,
    OrderPaused,
    OrderRescheduled,
    OrderResumed,
    OrderReturned,
    OrderSentDown,
    OrderStarted,
    OrderSupervised,
    OrderSuspended,
)
from libs.contracts.message import OrderEvent
from libs.transitions import Impossible
from services.incident.cases.domain.case import Move, Standing, State, apply_order_fact, decide, reopen, unmerge

ORDER_FACTS: tuple[type[OrderEvent], ...] = (
    OrderDispatched,
    OrderClaimed,
    OrderAssigned,
    OrderReturned,
    OrderCancelled,
    OrderEscalated,
    OrderSentDown,
    OrderPassedOn,
    OrderHandled,
    OrderChecked,
    OrderOverdue,
    OrderStarted,
    OrderExtended,
    OrderSuspended,
    OrderRescheduled,
    OrderCorrected,
    OrderMoved,
    OrderPaused,
    OrderContinued,
    OrderResumed,
    OrderSupervised,
    ApprovalAsked,
    ApprovalRefused,
    AppealUpheld,
    HelpAsked,
    HelpAssigned,
    HelpDone,
    HelpOverdue,
    HelpCalledOff,
)
"""The facts about its order that a case's timeline keeps."""
ENVELOPE = {"id", "correlation_id", "tenant", "case_id", "occurred_at"}
"""What of a fact the entry itself says."""
_FACT_OF = {fact.message_name: fact for fact in ORDER_FACTS} | {"passed": OrderChecked, "failed": OrderChecked}
_canonical = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Entry:
    """One step. `happened_at` is the fact's own time, `recorded_at` when it came to be known; `position` counts
    from 1 in the order of recording."""

    tenant: str
    case_id: UUID
    position: int
    entry_id: UUID
    step: str
    happened_at: datetime
    recorded_at: datetime
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a case's chain: how many entries it has, the hash of the last, and when that was recorded."""

    length: int
    hash: bytes
    at: datetime


def no_entries(at: datetime) -> Head:
    return Head(0, bytes(32), at)


def link(previous: bytes, entry: Entry) -> bytes:
    """SHA-256 of the hash before and of the entry as JSON (RFC 8259) with sorted keys, no spaces and times in UTC."""
    parts = [
        entry.tenant,
        str(entry.case_id),
        entry.position,
        str(entry.entry_id),
        entry.step,
        _utc(entry.happened_at),
        _utc(entry.recorded_at),
        entry.details,
    ]
    return sha256(previous + _canonical(parts).encode()).digest()


def append(
    head: Head,
    tenant: str,
    case_id: UUID,
    entry_id: UUID,
    step: str,
    happened_at: datetime,
    now: datetime,
    details: Mapping[str, Any],
) -> tuple[Entry, Head]:
    """The next entry and the new end. What another process recorded by a clock that is ahead stays before it."""
    recorded_at = max(now, head.at)
    entry = Entry(tenant, case_id, head.length + 1, entry_id, step, happened_at, recorded_at, details)
    return entry, Head(entry.position, link(head.hash, entry), recorded_at)


def broken(found: Iterable[tuple[Entry, bytes]], head: Head) -> str | None:
    """Where a chain of (entry, hash) in order of position breaks first; None when every link holds to its end."""
    last, position = bytes(32), 0
    for entry, stated in found:
        position += 1
        if entry.position != position:
            return f"entry {position} is missing"
        if link(last, entry) != stated:
            return f"entry {position} ({entry.step}) is not what was recorded, or follows another entry {position - 1}"
        last = stated
    if (position, last) != (head.length, head.hash):
        return f"it ends with entry {position}, and {head.length} were recorded"
    return None


def standing_at(entries: Iterable[Entry], as_of: datetime) -> Standing | None:
    """How the case stood by what was known at a time; None before it was reported. Entries in order of position."""
    standing = None
    for entry in takewhile(lambda e: e.recorded_at <= as_of, entries):
        standing = apply_entry(standing, entry)
    return standing


def apply_entry(case: Standing | None, entry: Entry) -> Standing:
    """How the case stands after one more entry, by the same decisions as when it was recorded."""
    if case is None:
        state = State(entry.details["state"])
        return Standing(state, opened=1 if state is State.REGISTERED else 0)
    if entry.step in _FACT_OF:
        envelope = {
            "id": entry.entry_id,
            "tenant": entry.tenant,
            "case_id": entry.case_id,
            "occurred_at": entry.happened_at,
        }
        return apply_order_fact(case, _FACT_OF[entry.step].model_validate({**entry.details, **envelope}))
    match entry.step, entry.details:
        case "reopened", _:
            return reopen(case, entry.happened_at, entry.entry_id)
        case "unmerged", _:
            decided = unmerge(case, entry.happened_at, entry.entry_id)
        case "put_under", {"parent": parent}:
            return replace(case, parent=parent)
        case "settled", _:
            return replace(case, settled_at=entry.happened_at)
        case "carried_out", _:
            return replace(case, carried_out_at=entry.happened_at)
        case _, {"move": move, **more}:
            decided = decide(replace(case, merged_into=more.get("into")), Move(move))
        case _:
            return case
    return case if isinstance(decided, Impossible) else decided


def _utc(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")
