"""What the desk, reporters and neighbours said to one another: corrections, questions, withdrawals, followers."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from deploy.local.reconciliation.check import Check
from libs.contracts.dispatch import (
    OrderAssigned,
    OrderClaimed,
    OrderContinued,
    OrderCorrected,
    OrderEscalated,
    OrderExtended,
    OrderMoved,
    OrderPassedOn,
    OrderPaused,
    OrderRescheduled,
    OrderResumed,
    OrderReturned,
    OrderSentDown,
)
from libs.contracts.incident import CaseAnswered, CaseCorrected, CaseFollowed, CaseQuestioned, CaseUnfollowed
from libs.contracts.message import OrderEvent
from services.dispatch.calendar.domain import NATIONAL, TimeUnit
from services.notify.recipients.domain.reach import reporter
from tests.chaos.evidence import Evidence

CORRECTED = "every case says what it was corrected to last, and each correction was told"
QUESTIONS = "every question was told once, and what came of it"
TAKEN_BACK = "whatever its reporter took back is voided"
SAID = "whatever the desk, reporters and neighbours were told is done is kept"
FOLLOWERS = "notify knows who follows which case, and incident how many"
STOOD_STILL = "no time was spent while a reporter was asked"


def about_reporters(evidence: Evidence) -> list[Check]:
    return [
        Check(CORRECTED, tuple(_corrections_wrong(evidence))),
        Check(QUESTIONS, tuple(_questions_wrong(evidence))),
        Check(TAKEN_BACK, tuple(_not_taken_back(evidence))),
        Check(SAID, tuple(_not_kept(evidence))),
        Check(FOLLOWERS, tuple(_followers_wrong(evidence))),
        Check(STOOD_STILL, tuple(_time_spent(evidence))),
    ]


def original(case: asyncpg.Record, timeline: list[asyncpg.Record]) -> Mapping[str, Any]:
    """What the case said when it was reported: corrections undone, the last one first. Its own entries, in order."""
    said = dict(case)
    for entry in reversed([e for e in timeline if e["step"] == "corrected"]):
        said |= json.loads(entry["details"])["before"]
    return said


def _corrections_wrong(evidence: Evidence) -> Iterator[str]:
    told: dict[UUID, list[CaseCorrected]] = defaultdict(list)
    for fact in evidence.of(CaseCorrected):
        told[fact.case_id].append(fact)
    for case in evidence.found["incident"]["cases"]:
        mine = sorted(told[case["case_id"]], key=lambda fact: fact.corrections)
        if [fact.corrections for fact in mine] != list(range(1, case["corrections"] + 1)):
            yield f"case {case['case_no']} was corrected {case['corrections']} times, and told {len(mine)} times"
        elif mine:
            last, point = mine[-1], mine[-1].place.point
            where = (point.longitude, point.latitude) if point else None
            said = (last.category, last.request_kind, last.reported_by_member, where)
            at = (case["longitude"], case["latitude"]) if case["longitude"] is not None else None
            if said != (case["category"], case["request_kind"], case["reported_by_member"], at):
                yield f"case {case['case_no']} says otherwise than it was corrected to: {said}"


def _questions_wrong(evidence: Evidence) -> Iterator[str]:
    asked = Counter((fact.case_id, fact.number) for fact in evidence.of(CaseQuestioned))
    answers = {(fact.case_id, fact.number): fact.answer for fact in evidence.of(CaseAnswered)}
    kept = {(row["case_id"], row["number"]): row for row in evidence.found["incident"]["questions"]}
    yield from (f"question {key} was told {times} times" for key, times in asked.items() if times != 1)
    yield from (f"question {key} is kept, and was not told" for key in kept.keys() - asked.keys())
    for key, row in kept.items():
        if row["answer"] is not None and not answers.get(key):
            yield f"the answer to question {key} was not told"


def _not_taken_back(evidence: Evidence) -> Iterator[str]:
    states = {case["tracking_code"]: case["state"] for case in evidence.found["incident"]["cases"]}
    for each in evidence.asked_for("withdraw"):
        if each.taken and states.get(code := each.what["path"].split("/")[3]) != "void":
            yield f"{code} is {states.get(code)}"


def _not_kept(evidence: Evidence) -> Iterator[str]:
    cases = {case["case_no"]: case for case in evidence.found["incident"]["cases"]}
    by_code = {case["tracking_code"]: case for case in cases.values()}
    answers = {(row["case_id"], row["answer"]) for row in evidence.found["incident"]["questions"]}
    codes = {row["tracking_code"] for row in evidence.found["incident"]["followers"]}
    for each in evidence.asked:
        named = each.what.get("path", "").split("/")
        if not each.taken or len(named) < 3:
            continue
        match each.kind:
            case "correct" if cases[named[3]]["corrections"] == 0:
                yield f"case {named[3]} was not corrected"
            case "answer" if named[2] == "track":
                if (by_code[named[3]]["case_id"], each.what["words"]) not in answers:
                    yield f"the answer of {named[3]} is not there"
            case "follow" if each.answer["tracking_code"] not in codes:
                yield f"{each.answer['tracking_code']} follows nothing"


def _followers_wrong(evidence: Evidence) -> Iterator[str]:
    left = {fact.follower_id for fact in evidence.of(CaseUnfollowed)}
    following = {fact.follower_id: fact for fact in evidence.of(CaseFollowed) if fact.follower_id not in left}
    known = {row["case_id"]: row for row in evidence.found["notify"]["followers"]}
    yield from (f"{follower_id} follows no case any more" for follower_id in known.keys() - following.keys())
    for follower_id, fact in following.items():
        row = known.get(follower_id)
        if row is None or (row["recipient_id"], row["follower_of"]) != (reporter(follower_id), fact.case_id):
            yield f"{follower_id} follows case {fact.case_no}, and notify does not know it"
    counted = Counter(fact.case_id for fact in following.values())
    for case in evidence.found["incident"]["cases"]:
        if case["followers"] != counted[case["case_id"]]:
            yield f"case {case['case_no']} has {case['followers']} followers, and {counted[case['case_id']]} follow it"


def _time_spent(evidence: Evidence) -> Iterator[str]:
    """What was left when the clock stopped is left when it goes on, unless the order was moved meanwhile."""
    rows = {row["order_id"]: row for row in evidence.found["dispatch"]["orders"]}
    until: dict[UUID, dict[str, datetime]] = {}
    stopped: dict[UUID, tuple[datetime, dict[str, datetime]]] = {}
    holding: set[UUID] = set()
    for each in evidence.facts["dispatch"]:
        fact = each.message
        if not isinstance(fact, OrderEvent):
            continue
        match fact:
            case OrderPaused() if fact.order_id in until:
                stopped[fact.order_id] = (fact.occurred_at, until[fact.order_id])
            case OrderContinued() if fact.order_id in stopped:
                since, before = stopped.pop(fact.order_id)
                stage = "handle" if fact.order_id in holding else "claim"
                unit = TimeUnit(json.loads(rows[fact.order_id]["clocks"])[stage]["unit"])
                had = NATIONAL.elapsed(since, before[stage], unit)
                has = NATIONAL.elapsed(fact.occurred_at, _until(fact)[stage], unit)
                if had.total_seconds() > 0 and had != has and rows[fact.order_id]["appointment_starts_at"] is None:
                    yield f"order {fact.order_id} had {had} left to {stage}, and {has} when it went on"
            case OrderClaimed() | OrderAssigned():
                holding.add(fact.order_id)
            case OrderReturned() | OrderSentDown() | OrderPassedOn() | OrderEscalated() | OrderMoved():
                stopped.pop(fact.order_id, None)
                if not isinstance(fact, OrderEscalated) or fact.by_member is not None:
                    holding.discard(fact.order_id)
            case OrderExtended() | OrderRescheduled() | OrderResumed() | OrderCorrected():
                stopped.pop(fact.order_id, None)
        if hasattr(fact, "handle_by"):
            until[fact.order_id] = {**until.get(fact.order_id, {}), **_until(fact)}


def _until(fact: OrderEvent) -> dict[str, datetime]:
    """The deadlines that a fact tells, by stage."""
    return {stage: at for stage in ("claim", "handle") if (at := getattr(fact, f"{stage}_by", None)) is not None}
