"""Every case against what its own facts and those of its orders say."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any
from uuid import UUID

import asyncpg

from deploy.local.reconciliation.check import Check
from libs.contracts.dispatch import (
    CategoryChanged,
    OrderCancelled,
    OrderChecked,
    OrderClaimed,
    OrderContinued,
    OrderCorrected,
    OrderDispatched,
    OrderExtended,
    OrderHandled,
    OrderMoved,
    OrderRescheduled,
    OrderResumed,
)
from libs.contracts.incident import (
    CaseClosed,
    CaseEvaluated,
    CaseMerged,
    CaseRegistered,
    CaseRejected,
    CaseReopened,
    CaseReported,
    CaseUnmerged,
    CaseVoided,
)
from libs.contracts.message import CaseEvent, OrderEvent
from services.incident.cases.domain.history import ORDER_FACTS, Entry, Head, broken
from tests.chaos.evidence import Evidence, by_id

TOLD_ONCE = "every case was told of as often as it happened"
AFTER_FACTS = "every case stands where the facts about it have led"
CHAINS = "the chain of every case's timeline holds from its first entry to its last"
TIMELINE = "the timeline of every case has each fact about its orders once, and no other"
ORDERED = "every registered case has an order, and every reopening a new one"
CATEGORIES = "incident knows the categories as they were told last"

FOLLOWED = ORDER_FACTS
OF_ORDERS = frozenset({"passed", "failed"} | {fact.message_name for fact in FOLLOWED if fact is not OrderChecked})
"""Steps of the timeline that come from dispatch's facts."""

Facts = Mapping[UUID, Sequence[CaseEvent]]


def about_cases(evidence: Evidence) -> list[Check]:
    told: dict[UUID, list[CaseEvent]] = defaultdict(list)
    for each in evidence.facts["incident"]:
        if isinstance(each.message, CaseEvent):
            told[each.message.case_id].append(each.message)
    orders: dict[UUID, list[OrderEvent]] = defaultdict(list)
    for each in evidence.facts["dispatch"]:
        if isinstance(each.message, FOLLOWED):
            orders[each.message.case_id].append(each.message)
    cases = by_id(evidence.found["incident"]["cases"], "case_id")
    # Of those who reported the same matter the first counts.
    closings = {(row["case_id"], row["closing"]) for row in evidence.found["incident"]["evaluations"]}
    evaluated = Counter(case_id for case_id, _ in closings)
    told_wrong = [w for row in cases.values() for w in _told_wrong(row, told, evaluated[row["case_id"]])]
    return [
        Check(TOLD_ONCE, (*_unknown(told, cases), *told_wrong)),
        Check(AFTER_FACTS, tuple(w for row in cases.values() for w in _astray(row, orders, told))),
        Check(CHAINS, tuple(_chains_broken(evidence, cases))),
        Check(TIMELINE, tuple(_timeline_wrong(evidence, orders))),
        Check(ORDERED, tuple(_without_order(told, orders))),
        Check(CATEGORIES, tuple(_categories_wrong(evidence))),
    ]


def _unknown(told: Facts, cases: Mapping[UUID, asyncpg.Record]) -> list[str]:
    return [f"case {case_id} was told of and is not stored" for case_id in told.keys() - cases.keys()]


def _told_wrong(row: asyncpg.Record, told: Facts, evaluated: int) -> list[str]:
    """How often each fact should have been told, for the state that the case is in."""
    mine = told.get(row["case_id"], ())
    counts = Counter(type(fact) for fact in mine)
    undecided = row["state"] in ("reported", "verifying")
    rejected = row["state"] == "rejected"
    unmerged = counts[CaseUnmerged]
    expected: dict[type[CaseEvent], int] = {
        CaseReported: 1,
        CaseRegistered: row["opened"] - row["reopened_times"] - unmerged,
        CaseRejected: 1 if rejected else 0,
        CaseVoided: 1 if row["state"] == "void" else 0,
        CaseMerged: unmerged + (row["state"] == "merged"),
        CaseReopened: row["reopened_times"],
        CaseEvaluated: evaluated,
    }
    wrong = [
        f"case {row['case_no']} ({row['state']}): {counts[kind]} times {kind.message_name}, not {times}"
        for kind, times in expected.items()
        if counts[kind] != times
    ]
    times = [fact.times for fact in mine if isinstance(fact, CaseReopened)]
    if undecided == (row["opened"] > 0) and not rejected and row["state"] not in ("void", "merged"):
        wrong.append(f"case {row['case_no']} is {row['state']} and was given to dispatch {row['opened']} times")
    if times != list(range(1, len(times) + 1)):
        wrong.append(f"case {row['case_no']} was reopened for the times {times}")
    closed = {fact.order_id for fact in mine if isinstance(fact, CaseClosed)}
    if row["state"] == "closed" and row["closed_order_id"] not in closed:
        wrong.append(f"case {row['case_no']} is closed, and nobody was told")
    return wrong


def _astray(row: asyncpg.Record, orders: Mapping[UUID, Sequence[OrderEvent]], told: Facts) -> list[str]:
    """By the order of recording, which for the facts of one order is that of what happened."""
    mine = orders.get(row["case_id"], ())
    state, closed_by, promised = "registered", None, None
    latest = mine[-1].order_id if mine else None
    for fact in mine:
        match fact:
            case OrderDispatched():
                promised = fact.handle_by
                # The first order finds the case registered, a later one finds it reopened.
                state = "registered" if state == "registered" else "in_progress"
            case OrderExtended() | OrderRescheduled() | OrderResumed() | OrderCorrected() | OrderContinued():
                promised = fact.handle_by
            case OrderMoved():
                promised = fact.handle_by
            case OrderClaimed():
                state = "in_progress"
            case OrderCancelled():
                state = "registered"
            case OrderHandled():
                state = "resolved"
            case OrderChecked():
                state = "closed" if fact.passed else "in_progress"
                closed_by = fact.id if fact.passed else closed_by
    if not mine or row["state"] in ("void", "merged"):
        return []
    reopened = sum(isinstance(fact, CaseReopened) for fact in told.get(row["case_id"], ()))
    if state == "closed" and sum(isinstance(f, OrderDispatched) for f in mine) <= reopened:
        state = "in_progress"
    is_ = (row["state"], row["closed_by"], row["handle_by"])
    led = (state, closed_by, promised)
    if is_ == led:
        return []
    return [f"case {row['case_no']} is {_shown(is_)}, and the facts of its order {latest} say {_shown(led)}"]


def _shown(values: Iterable[Any]) -> str:
    return ", ".join(map(str, values))


def _timeline_wrong(evidence: Evidence, orders: Mapping[UUID, Sequence[OrderEvent]]) -> list[str]:
    steps = Counter(
        (row["case_id"], row["entry_id"]) for row in evidence.found["incident"]["timeline"] if row["step"] in OF_ORDERS
    )
    facts = {(fact.case_id, fact.id): fact for mine in orders.values() for fact in mine}
    return [
        *(f"case {case}: {facts[case, id].message_name} is not there" for case, id in facts.keys() - steps.keys()),
        *(f"case {case}: {id} is no fact about its order" for case, id in steps.keys() - facts.keys()),
    ]


def _chains_broken(evidence: Evidence, cases: Mapping[UUID, asyncpg.Record]) -> list[str]:
    mine: dict[UUID, list[tuple[Entry, bytes]]] = defaultdict(list)
    for row in evidence.found["incident"]["timeline"]:
        entry = Entry(**{f.name: row[f.name] for f in fields(Entry)})
        mine[row["case_id"]].append((replace(entry, details=json.loads(row["details"])), row["hash"]))
    heads = {id: Head(c["timeline_length"], c["timeline_hash"], c["changed_at"]) for id, c in cases.items()}
    wrong = {id: broken(mine[id], head) for id, head in heads.items()}
    return [f"case {id}: {why}" for id, why in wrong.items() if why]


def _without_order(told: Facts, orders: Mapping[UUID, Sequence[OrderEvent]]) -> list[str]:
    wrong = []
    for case_id, mine in told.items():
        opened = sum(isinstance(fact, CaseRegistered | CaseReopened | CaseUnmerged) for fact in mine)
        made = sum(isinstance(fact, OrderDispatched) for fact in orders.get(case_id, ()))
        if made != opened:
            wrong.append(f"case {case_id} was opened {opened} times and has {made} orders")
    return wrong


def _categories_wrong(evidence: Evidence) -> list[str]:
    latest = {c.category: c for c in sorted(evidence.of(CategoryChanged), key=lambda c: (c.occurred_at, c.id))}
    known = {row["category"]: row for row in evidence.found["incident"]["categories"]}
    names = ("name_zh", "name_en", "area", "registration", "active")
    return [
        f"category {code}"
        for code, fact in latest.items()
        if code not in known or any(getattr(fact, name) != known[code][name] for name in names)
    ]
