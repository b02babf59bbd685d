"""What was answered to reports, against the cases that are stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import asyncpg

from deploy.local.reconciliation.check import Check
from deploy.local.reconciliation.databases import PATROL_SENDER
from services.incident.meetings.domain import SENDER as MEETINGS
from tests.chaos.evidence import Evidence
from tests.chaos.journal import Asked
from tests.chaos.statements.reporters import original

Key = tuple[str, str]
"""(sender, key) of a report."""

ONCE = "every report that was answered is stored once"
AS_SENT = "every stored report says what was sent, or is said to have been corrected"
SAME_CASE = "the same key has the same answer, and it names the stored case"
NO_OTHERS = "no case was made of what nobody reported"
NO_STRANGERS = "nothing is stored for another street"
NO_FAULTS = "no request ran into a fault of a service"
TAKEN = "nothing was refused that should be taken"
REFUSED = "nonsense was refused"


def about_reports(evidence: Evidence) -> list[Check]:
    sent: dict[Key, list[Asked]] = defaultdict(list)
    for each in evidence.asked_for("report"):
        sent[each.what["sender"], each.what["key"]].append(each)
    stored: dict[Key, list[asyncpg.Record]] = defaultdict(list)
    for case in evidence.found["incident"]["cases"]:
        if case["sender"] not in (PATROL_SENDER, MEETINGS):
            stored[case["sender"], case["idempotency_key"]].append(case)
    entries: dict[UUID, list[asyncpg.Record]] = defaultdict(list)
    for entry in evidence.found["incident"]["timeline"]:
        entries[entry["case_id"]].append(entry)
    first = {key: [original(case, entries[case["case_id"]]) for case in cases] for key, cases in stored.items()}
    answered = [key for key, asked in sent.items() if any(each.taken for each in asked)]
    nonsense = evidence.asked_for("nonsense")
    everything = [each for each in evidence.asked if each.kind not in ("poison", "copy", "surprise")]
    return [
        Check(ONCE, tuple(f"{key}: {len(stored[key])} cases" for key in answered if len(stored[key]) != 1)),
        Check(AS_SENT, tuple(_differences((key, sent[key][0], case) for key in sent for case in first.get(key, ())))),
        Check(SAME_CASE, tuple(w for key in answered for w in _answers_differ(key, sent[key], stored[key]))),
        Check(NO_OTHERS, tuple(f"{key}" for key in stored if key not in sent and stored[key])),
        Check(
            NO_STRANGERS,
            tuple(f"{service}: {row['what']}" for service, rows in evidence.found.items() for row in rows["strangers"]),
        ),
        Check(NO_FAULTS, tuple(f"{e.kind}: {e.status} {e.answer}" for e in everything if _is_fault(e))),
        Check(
            TAKEN,
            tuple(f"{e.what['key']}: {e.answer}" for e in evidence.asked_for("report") if e.status in range(400, 500)),
        ),
        Check(REFUSED, tuple(f"{e.what['key']}: {e.status}" for e in nonsense if e.taken)),
    ]


def _is_fault(asked: Asked) -> bool:
    return asked.status is not None and asked.status >= 500 and asked.status != 503


def _answers_differ(key: Key, asked: Iterable[Asked], stored: Iterable[asyncpg.Record]) -> list[str]:
    right = {(str(case["case_id"]), case["case_no"], case["tracking_code"]) for case in stored}
    answers = {(e.answer["case_id"], e.answer["case_no"], e.answer["tracking_code"]) for e in asked if e.taken}
    return [
        f"{key} was answered {case_no}" for case_id, case_no, code in answers if (case_id, case_no, code) not in right
    ]


def _differences(pairs: Iterable[tuple[Key, Asked, Mapping[str, Any]]]) -> list[str]:
    return [
        f"{key}: {name} is {str(is_)[:60]!r} and {str(was)[:60]!r} was sent"
        for key, asked, case in pairs
        for name, was in _said(asked.what).items()
        if (is_ := case[name]) != was
    ]


def _said(what: Mapping[str, Any]) -> dict[str, Any]:
    """What was sent, by the columns in which it is kept."""
    place = what["place"]
    point = place.get("point") or {}
    return {
        "tenant": what["tenant"],
        "category": what["category"],
        "text": what["text"],
        "request_kind": what["request_kind"],
        "longitude": point.get("longitude"),
        "latitude": point.get("latitude"),
        "place_name": place.get("name"),
        "reported_by_member": what["reported_by_member"],
    }
