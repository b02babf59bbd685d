"""What each case went through by its timeline, and whether that is what its scenario planned."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from deploy.local.morning.planned_reports import Outcome, PlannedReport
from deploy.local.morning.scenarios import WORDS
from deploy.local.morning.senders import Sent
from deploy.local.reconciliation.check import Row, Rows
from libs.transitions import Label


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    entry_id: UUID
    case_id: UUID
    order_id: str | None
    step: str
    at: datetime
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CaseHistory:
    """The state of a case, how often each step was taken, why it went up, and the level of each of its orders."""

    state: str
    steps: Counter[str]
    causes: Counter[str]
    levels: Sequence[str]

    @property
    def closed(self) -> bool:
        return self.state == "closed" and self.steps["passed"] > 0


AS_PLANNED: Mapping[Outcome, Callable[[CaseHistory], bool]] = {
    "handled": lambda life: life.closed,
    "returned_first": lambda life: life.closed and life.steps["returned"] > 0,
    "check_fails_first": lambda life: life.closed and life.steps["failed"] > 0,
    "nobody_claims": lambda life: life.closed,
    "lapses": lambda life: life.closed and life.causes["overdue"] > 0,
    "everybody_returns": lambda life: life.closed and life.causes["returned"] > 0 and life.levels[-1:] == ["street"],
    "raised": lambda life: life.closed and life.causes["by_hand"] == 1,
    "sent_down": lambda life: life.closed and life.steps["sent_down"] == 1,
    "passed_on": lambda life: life.closed and life.steps["passed_on"] == 1,
    "survives": lambda life: life.closed and life.steps["joined"] == 1,
    "merged": lambda life: life.state == "merged" and not life.steps["passed"],
    "takes_wrongly": lambda life: life.closed and life.steps["joined"] == life.steps["parted"] == 1,
    "unmerged": lambda life: life.closed and life.steps["unmerged"] == 1 and len(life.levels) == 2,
    "voided": lambda life: life.state == "void" and not life.steps["handled"],
    "extended": lambda life: life.closed and life.steps["extended"] == 1,
    "refused": lambda life: life.closed and life.steps["approval_refused"] == 1 and not life.steps["extended"],
    "suspended": lambda life: life.closed and life.steps["suspended"] == life.steps["resumed"] == 1,
    "appealed": lambda life: life.closed and life.steps["reopened"] == life.steps["appeal_upheld"] == 1,
    "supervised": lambda life: life.closed and life.steps["supervised"] == 1,
    "absent": lambda life: life.closed,
    "corrected": lambda life: life.closed and life.steps["corrected"] == life.steps["order_moved"] == 1,
    "questioned": lambda life: (
        life.closed and life.steps["questioned"] == life.steps["answered"] == 1 and life.steps["continued"] == 1
    ),
    "withdrawn": lambda life: life.state == "void" and not life.steps["handled"],
    "followed": lambda life: life.closed and life.steps["followed"] == 1,
    "proposed": lambda life: life.closed and life.steps["discussed"] == life.steps["carried_out"] == 1,
    "helped": lambda life: life.closed and life.steps["help_asked"] == life.steps["help_done"] == 1,
    "dissatisfied_twice": lambda life: life.closed and life.steps["reopened"] == 2 and life.levels[-1:] == ["street"],
}
"""Whether a case with this planned outcome has had it."""

ALSO: Mapping[Label, Callable[[PlannedReport], bool]] = {
    Label("of these errands", "其中代办"): lambda plan: plan.request_kind == "errand",
    Label("of these not satisfied", "其中不满意"): lambda plan: plan.satisfied is False,
}


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """For one planned outcome: how many cases were to have it, and a sentence on each that did not."""

    words: Label
    planned: int
    astray: tuple[str, ...]


def read_entry(row: Row) -> TimelineEntry:
    details = json.loads(row["details"])
    return TimelineEntry(
        row["entry_id"], row["case_id"], details.get("order_id"), row["step"], row["happened_at"], details
    )


def count_outcomes(
    sent: Sequence[Sent], cases: Rows, orders: Rows, entries: Iterable[TimelineEntry]
) -> list[OutcomeCount]:
    state = {case["case_id"]: case["state"] for case in cases}
    levels: dict[UUID, list[str]] = defaultdict(list)
    for order in orders:
        levels[order["case_id"]].append(order["level"])
    steps: dict[UUID, Counter[str]] = defaultdict(Counter)
    causes: dict[UUID, Counter[str]] = defaultdict(Counter)
    for each in entries:
        steps[each.case_id][each.step] += 1
        if each.step == "escalated":
            causes[each.case_id][each.details["cause"]] += 1
    planned: dict[Label, list[str | None]] = {words: [] for words in (*WORDS.values(), *ALSO)}
    for plan, receipt in ((each.plan, each.receipts[0]) for each in sent):
        case = receipt.case_id
        life = CaseHistory(state.get(case, "gone"), steps[case], causes[case], levels[case])
        words, as_planned = WORDS[plan.outcome], AS_PLANNED[plan.outcome](life)
        if plan.satisfied is False:
            as_planned = as_planned and life.steps["reopened"] > 0
        astray = None if as_planned else f"case {receipt.case_no} ({words.en}) is {life.state}: {dict(life.steps)}"
        for named in (words, *(also for also, holds in ALSO.items() if holds(plan))):
            planned[named].append(astray)
    return [
        OutcomeCount(words, len(all_), tuple(a for a in all_ if a is not None))
        for words, all_ in planned.items()
        if all_
    ]


def entries_by_order(entries: Iterable[TimelineEntry], *steps: str) -> dict[str, list[TimelineEntry]]:
    """The entries with these steps, in the order in which they happened, for each order."""
    found: dict[str, list[TimelineEntry]] = defaultdict(list)
    for entry in entries:
        if entry.order_id is not None and entry.step in steps:
            found[entry.order_id].append(entry)
    return found
