"""Who should have been told what, and what the providers received."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

import asyncpg

from deploy.local.reconciliation.check import Check
from libs.contracts.incident import CaseFollowed, CaseReported
from libs.contracts.notify import NotificationDelivered, NotificationFailed, NotificationSuppressed
from services.notify.audience.domain import RULES, parameters, recipient_ids
from services.notify.recipients.domain.reach import reporter
from tests.chaos.evidence import Evidence, by_id
from tests.chaos.statements.merges import merged_ever

EVERYBODY = "everybody whom a fact concerns was told of it, and nobody else"
SAID = "every notice says what its fact says"
ENDED_ONCE = "every notification that was sent or suppressed was told to have ended, once"
CALLS = "no provider was called more often than there were attempts"
ARRIVED = "what counts as delivered was taken by its provider"
REPORTERS = "notify knows who reported each case"

ENDED = ("delivered", "failed", "suppressed")


def about_notifications(evidence: Evidence) -> list[Check]:
    deliveries = by_id(evidence.found["notify"]["deliveries"], "delivery_id")
    reporters = {
        fact.case_id: reporter(fact.reporter_id) if fact.reporter_id is not None else None
        for fact in evidence.of(CaseReported)
    }
    known = {row["case_id"]: row["recipient_id"] for row in evidence.found["notify"]["reporters"]}
    calls: dict[str, list[object]] = defaultdict(list)
    for call in evidence.calls:
        calls[str(call["key"])].append(call["answered"])
    return [
        Check(EVERYBODY, tuple(_audience_wrong(evidence, reporters))),
        Check(SAID, tuple(_notices_wrong(evidence))),
        Check(ENDED_ONCE, tuple(_endings_wrong(evidence, deliveries))),
        Check(CALLS, tuple(_too_many_calls(calls, deliveries))),
        Check(ARRIVED, tuple(_never_arrived(evidence, calls, deliveries))),
        Check(REPORTERS, tuple(f"case {c}: {known.get(c)}" for c, who in reporters.items() if known.get(c) != who)),
    ]


def _audience_wrong(evidence: Evidence, reporters: Mapping[UUID, str | None]) -> list[str]:
    reached: dict[UUID, set[str]] = defaultdict(set)
    for row in evidence.found["notify"]["deliveries"]:
        reached[row["event_id"]].add(row["recipient_id"])
    wrong = []
    followers: dict[UUID | None, set[str]] = defaultdict(set)
    for followed in evidence.of(CaseFollowed):
        followers[followed.case_id].add(reporter(followed.follower_id))
    for survivor, merged in merged_ever(evidence).items():
        followers[survivor] |= {reported_by for each in merged if (reported_by := reporters.get(each)) is not None}
    for kind, rule in RULES.items():
        for fact in evidence.of(kind):
            case_id = getattr(fact, "case_id", None)
            who = reporters.get(case_id) if case_id is not None else None
            should = set(recipient_ids(fact, rule.audience, [who] if who else []))
            were = reached.pop(fact.id, set())
            # Who follows a case, or has reported one that was merged into it, hears of it from then on, whichever
            # fact of another service was first.
            missing, strange = sorted(should - were), sorted(were - should - followers.get(case_id, set()))
            if missing or strange:
                wrong.append(f"{fact.message_name} {fact.id}: not told {missing}, told though {strange}")
    return wrong + [f"{sorted(who)} were told of {event}, which is no recorded fact" for event, who in reached.items()]


def _notices_wrong(evidence: Evidence) -> list[str]:
    wrong = []
    notices = by_id(evidence.found["notify"]["notices"], "event_id")
    for kind, rule in RULES.items():
        for fact in evidence.of(kind):
            notice = notices.get(fact.id)
            if notice is not None and json.loads(notice["parameters"]) != parameters(fact, rule):
                wrong.append(f"{fact.message_name} {fact.id}: {notice['parameters']}")
    return wrong


def _endings_wrong(evidence: Evidence, deliveries: Mapping[UUID, asyncpg.Record]) -> list[str]:
    """A message in the app is delivered where it is queued, and nothing is told of that."""
    told_of = Counter(
        [
            *((fact.delivery_id, "delivered") for fact in evidence.of(NotificationDelivered)),
            *((fact.delivery_id, "failed") for fact in evidence.of(NotificationFailed)),
            *((fact.delivery_id, "suppressed") for fact in evidence.of(NotificationSuppressed)),
        ]
    )
    ended = Counter(
        (id, row["state"])
        for id, row in deliveries.items()
        if row["state"] in ENDED and not (row["channel"] == "in_app" and row["state"] == "delivered")
    )
    return [f"{id}: {how} {ended[id, how]} times, told {n}" for (id, how), n in (told_of - ended).items()] + [
        f"{id}: {how}, and nobody was told" for id, how in ended - told_of
    ]


def _too_many_calls(calls: Mapping[str, Sequence[object]], deliveries: Mapping[UUID, asyncpg.Record]) -> list[str]:
    """An answer that was lost leaves nobody sure whether it arrived: then there is another attempt, written down."""
    attempts = {str(id): row["attempts"] for id, row in deliveries.items()}
    return [
        f"{key}: {len(answers)} calls, {attempts.get(key, 0)} attempts"
        for key, answers in calls.items()
        if len(answers) > attempts.get(key, 0)
    ]


def _never_arrived(
    evidence: Evidence, calls: Mapping[str, Sequence[object]], deliveries: Mapping[UUID, asyncpg.Record]
) -> list[str]:
    return [
        f"{id}"
        for id, row in deliveries.items()
        if row["channel"] == "webhook" and row["state"] == "delivered" and 200 not in calls.get(str(id), ())
    ]
