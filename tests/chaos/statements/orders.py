"""The path of every order through its recorded facts: legal, ending where the order stands, its clocks set."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from deploy.local.reconciliation.check import Check
from libs.contracts.dispatch import (
    AppealUpheld,
    ApprovalAsked,
    ApprovalRefused,
    DeadlineNear,
    EscalationCause,
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
    OrderOffered,
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
from libs.contracts.incident import CaseCorrected, CaseRegistered
from libs.contracts.message import OrderEvent
from libs.contracts.values import Place, Stage
from services.dispatch.orders.domain.help import OPEN
from tests.chaos.evidence import Evidence, by_id

LEGAL = "every order went a legal way"
LEASED = "every offer that is still to be widened has its lease"
STANDS = "every order stands where its facts have led it"
ESCALATED = "every lapse led one level up"
TIMERS_FIRED = "no timer is overdue"
CLOCKS_SET = "every live order has its clock, and no other order has one"
FROM_CASE = "every order says what its case said, when it was registered or corrected last"

MOVES: Mapping[type[OrderEvent], tuple[tuple[str, ...], str]] = {
    OrderOffered: (("made", "offered"), "offered"),
    OrderClaimed: (("offered",), "claimed"),
    OrderAssigned: (("offered", "claimed", "handling"), "claimed"),
    OrderReturned: (("claimed", "handling"), "offered"),
    OrderHandled: (("claimed", "handling"), "handled"),
    OrderChecked: (("handled",), "checked"),
    OrderStarted: (("claimed",), "handling"),
    OrderSuspended: (("claimed", "handling"), "suspended"),
    OrderResumed: (("suspended",), "handling"),
    OrderCancelled: (("offered", "claimed", "handling", "handled", "suspended"), "cancelled"),
}
"""Where each fact may happen, and where it leads; a check that fails leads to `handling` instead."""

STAYS: Mapping[type[OrderEvent], tuple[str, ...]] = {
    OrderEscalated: ("offered", "claimed", "handling", "handled"),
    OrderExtended: ("claimed", "handling"),
    OrderRescheduled: ("offered", "claimed", "handling", "suspended"),
    ApprovalAsked: ("claimed", "handling", "suspended", "handled", "checked"),
    ApprovalRefused: ("claimed", "handling", "suspended", "handled", "checked"),
    AppealUpheld: ("claimed", "handling", "suspended", "handled", "checked"),
    OrderSupervised: ("offered", "claimed", "handling", "handled", "suspended"),
    OrderCorrected: ("offered", "claimed", "handling", "suspended"),
    OrderPaused: ("offered", "claimed", "handling", "suspended"),
    OrderContinued: ("offered", "claimed", "handling", "suspended"),
    HelpAsked: ("offered", "claimed", "handling"),
    HelpAssigned: ("offered", "claimed", "handling", "suspended", "handled"),
    HelpDone: ("offered", "claimed", "handling", "suspended", "handled"),
    HelpOverdue: ("offered", "claimed", "handling", "suspended", "handled"),
    HelpCalledOff: ("offered", "claimed", "handling", "suspended", "handled", "cancelled"),
}
"""Where the facts may happen that leave an order where it is."""

STAGES = {
    "offered": (Stage.CLAIM, "claim_by"),
    "claimed": (Stage.HANDLE, "handle_by"),
    "handling": (Stage.HANDLE, "handle_by"),
    "handled": (Stage.CHECK, "check_by"),
    "suspended": (None, "suspended_until"),
}
LATE = timedelta(seconds=5)
"""Of real time: a timer may be found so much after its time."""


@dataclass
class Path:
    """How far an order has come. `told` is what was said of the stage that it is in: each may be said once."""

    order_id: UUID
    state: str = "new"
    holder: str | None = None
    asked: tuple[str, ...] = ()
    reworks: int = 0
    told: set[tuple[type[OrderEvent], datetime]] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def take(self, fact: OrderEvent) -> None:
        match fact:
            case OrderDispatched():
                self._expect(self.state == "new", fact, f"when it was {self.state}")
                self.state = "made"
            case DeadlineNear() | OrderOverdue():
                stage, _ = STAGES.get(self.state, (None, ""))
                self._expect(fact.stage == stage, fact, f"of {fact.stage} when it was {self.state}")
                self._expect((type(fact), fact.due_at) not in self.told, fact, "twice")
                self.told.add((type(fact), fact.due_at))
            case OrderSentDown() | OrderPassedOn() | OrderEscalated(cause=EscalationCause.BY_HAND):
                self._expect(self.state in ("offered", "claimed", "handling"), fact, f"when it was {self.state}")
                self.state, self.holder = "offered", None
                self.told.clear()
            case OrderMoved():
                held = self.state in ("offered", "claimed", "handling", "suspended")
                self._expect(held, fact, f"when it was {self.state}")
                self.state, self.holder = "offered", None
                self.told.clear()
            case _ if type(fact) in STAYS:
                self._expect(self.state in STAYS[type(fact)], fact, f"when it was {self.state}")
            case _:
                self._move(fact)

    def _move(self, fact: OrderEvent) -> None:
        origins, target = MOVES[type(fact)]
        self._expect(self.state in origins, fact, f"when it was {self.state}")
        match fact:
            case OrderOffered():
                self.asked = fact.offered_to
            case OrderClaimed():
                self._expect(fact.member_id in self.asked, fact, f"by {fact.member_id}, who was not asked")
                self.holder = fact.member_id
            case OrderAssigned():
                self._expect(fact.taken_from == self.holder, fact, f"from {fact.taken_from}, and {self.holder} has it")
                self.holder, target = fact.member_id, "claimed" if self.state == "offered" else self.state
            case OrderReturned() | OrderHandled() | OrderStarted() | OrderSuspended() | OrderResumed():
                self._expect(fact.member_id == self.holder, fact, f"by {fact.member_id}, and {self.holder} has it")
                self.holder = None if isinstance(fact, OrderReturned) else self.holder
            case OrderChecked():
                self._expect(fact.member_id == self.holder, fact, f"for {fact.member_id}, and {self.holder} did it")
                self._expect(fact.checked_by != self.holder, fact, "by who did it")
                self.reworks += not fact.passed
                target = target if fact.passed else "handling"
        if target != self.state and not isinstance(fact, OrderStarted | OrderSuspended | OrderResumed):
            self.told.clear()
        self.state = target

    def _expect(self, holds: bool, fact: OrderEvent, otherwise: str) -> None:
        if not holds:
            self.wrong.append(f"order {self.order_id}: {fact.message_name} {otherwise}")


def about_orders(evidence: Evidence) -> list[Check]:
    facts: dict[UUID, list[OrderEvent]] = defaultdict(list)
    for each in evidence.facts["dispatch"]:
        if isinstance(each.message, OrderEvent):
            facts[each.message.order_id].append(each.message)
    rows = by_id(evidence.found["dispatch"]["orders"], "order_id")
    paths = {order_id: follow(order_id, mine) for order_id, mine in facts.items()}
    timers = {row["key"]: row for row in evidence.found["dispatch"]["timers"] if row["name"] == "OrderClock"}
    parents = {row["code"]: row["parent"] for row in evidence.found["dispatch"]["parents"]}
    overdue = evidence.now - LATE * evidence.speed
    return [
        Check(LEGAL, tuple(wrong for path in paths.values() for wrong in path.wrong)),
        Check(STANDS, (*(f"order {o} has no row" for o in paths.keys() - rows.keys()), *_elsewhere(paths, rows))),
        Check(ESCALATED, tuple(w for mine in facts.values() for w in _not_escalated(mine, parents))),
        Check(
            TIMERS_FIRED,
            tuple(
                f"{service}: {row['name']} of {row['key']} was due at {row['due_at']:%d %H:%M:%S} (now {evidence.now})"
                for service, found in evidence.found.items()
                for row in found["timers"]
                if row["due_at"] < overdue
            ),
        ),
        Check(CLOCKS_SET, (*_clocks_missing(paths, rows, timers), *_clocks_too_many(rows, timers))),
        Check(LEASED, tuple(_leases_wrong(rows, evidence.found["dispatch"]["timers"]))),
        Check(FROM_CASE, tuple(_not_as_registered(evidence, rows))),
    ]


def follow(order_id: UUID, facts: Sequence[OrderEvent]) -> Path:
    path = Path(order_id)
    for fact in facts:
        path.take(fact)
    return path


def _elsewhere(paths: Mapping[UUID, Path], rows: Mapping[UUID, asyncpg.Record]) -> list[str]:
    wrong = []
    for order_id, row in rows.items():
        path = paths.get(order_id, Path(order_id))
        is_ = (row["state"], row["member_id"], row["rework_count"], tuple(sorted(json.loads(row["offered_to"]))))
        led = (path.state, path.holder, path.reworks, tuple(sorted(path.asked)))
        if is_ != led:
            wrong.append(f"order {order_id} is {is_}, and its facts say {led}")
    return wrong


def _not_escalated(facts: Sequence[OrderEvent], parents: Mapping[str, str | None]) -> list[str]:
    """A lapse is told first, and what it leads to in the same transaction."""
    wrong = []
    for fact, then in zip(facts, [*facts[1:], None], strict=True):
        if isinstance(fact, OrderOverdue) and parents.get(fact.unit) is not None:
            led = isinstance(then, OrderEscalated) and then.cause is EscalationCause.OVERDUE
            if not (led and isinstance(then, OrderEscalated) and then.from_unit == fact.unit):
                wrong.append(f"order {fact.order_id}: {fact.stage} lapsed in {fact.unit} and nobody above has it")
    return wrong


def _clocks_missing(
    paths: Mapping[UUID, Path], rows: Mapping[UUID, asyncpg.Record], timers: Mapping[str, asyncpg.Record]
) -> list[str]:
    """Amber, then red; after red of the same stage there is nothing more to come."""
    wrong = []
    for order_id, row in rows.items():
        if row["state"] not in STAGES or order_id not in paths:
            continue
        stage, column = STAGES[row["state"]]
        if row["paused_at"] is not None and stage is not None:
            if str(order_id) in timers:
                wrong.append(f"order {order_id} waits for its reporter, and its clock goes on")
            continue
        if stage == Stage.CHECK and any(help["state"] in OPEN for help in json.loads(row["helpers"])):
            if str(order_id) in timers:
                wrong.append(f"order {order_id} waits for its helpers, and its clock goes on")
            continue
        due_at, timer = row[column], timers.get(str(order_id))
        lapsed = (OrderOverdue, due_at) in paths[order_id].told
        if lapsed and timer is not None:
            wrong.append(f"order {order_id}: {stage} has lapsed, and its clock goes on")
        elif not lapsed and timer is None:
            wrong.append(f"order {order_id} is {row['state']} until {due_at} and has no clock")
        elif timer is not None:
            body = json.loads(timer["body"])
            if (body["stage"], datetime.fromisoformat(body["stage_ends_at"])) != (stage, due_at):
                wrong.append(f"order {order_id} is {row['state']} until {due_at}, its clock says {body}")
    return wrong


def _leases_wrong(rows: Mapping[UUID, asyncpg.Record], timers: Sequence[asyncpg.Record]) -> list[str]:
    """Of an offer that is over a lease may be left, which changes nothing when it ends."""
    known = {row["key"]: datetime.fromisoformat(json.loads(row["body"])["due_at"]) for row in timers}
    return [
        f"order {order_id} is offered until {row['lease_ends_at']}, its lease until {known.get(key)}"
        for order_id, row in rows.items()
        for key in [f"{order_id}/{row['offers']}"]
        if row["lease_ends_at"] is not None and known.get(key) != row["lease_ends_at"]
    ]


def _clocks_too_many(rows: Mapping[UUID, asyncpg.Record], timers: Mapping[str, asyncpg.Record]) -> list[str]:
    live = {str(order_id) for order_id, row in rows.items() if row["state"] in STAGES}
    return [f"order {key} has a clock and is over" for key in timers.keys() - live]


def _not_as_registered(evidence: Evidence, rows: Mapping[UUID, asyncpg.Record]) -> list[str]:
    names = ("case_no", "category", "category_name", "summary", "reported_by_member")
    said: dict[UUID, CaseRegistered | CaseCorrected] = {fact.case_id: fact for fact in evidence.of(CaseRegistered)}
    said |= {fact.case_id: fact for fact in sorted(evidence.of(CaseCorrected), key=lambda fact: fact.corrections)}
    mine = {
        order_id: (row, case)
        for order_id, row in rows.items()
        if (case := said.get(row["case_id"])) is not None
        and (isinstance(case, CaseRegistered) or case.opening == row["opening"])
    }
    elsewhere = [
        f"order {order_id} is at {row['place']}, and {case.place} was said"
        for order_id, (row, case) in mine.items()
        if Place.model_validate_json(row["place"]) != case.place
    ]
    return elsewhere + [
        f"order {order_id}: {name} is {row[name]!r}, and {getattr(case, name)!r} was said"
        for order_id, (row, case) in mine.items()
        for name in names
        if row[name] != getattr(case, name)
    ]
