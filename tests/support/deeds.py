"""What somebody did, as a value that earns points."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

from libs.contracts.dispatch import OrderChecked
from services.scoring.earning.domain.caps import CappedDay, Earned, capped_days, earn
from services.scoring.ledger.domain import (
    Appeal,
    Because,
    Kind,
    Transaction,
    Undo,
    changes,
    postings,
    restore,
    strongest,
    take_back,
)
from services.scoring.rules.domain import Deed, Earner, EarnerRole, Rules
from services.scoring.rules.rules_file import SHIPPED, load
from tests.support.stage import NOON

TENANT = "370784004"


def check_deed(
    number: int = 1,
    *,
    order: int = 1,
    at: datetime = NOON,
    handler: str = "M1",
    points: int = 5,
    passed: bool = True,
    on_time: bool = True,
    own_report: bool = False,
) -> Deed:
    return Deed(
        tenant=TENANT,
        event=OrderChecked.type_name(),
        cause_id=UUID(int=number),
        case_id=UUID(int=1000 + order),
        order_id=UUID(int=order) if passed else None,
        occurred_at=at,
        earners={EarnerRole.HANDLER: Earner(handler, "P1"), EarnerRole.CHECKER: Earner("M9", "P2")},
        holds={"passed": passed, "on_time": on_time, "own_report": own_report},
        category_points=points,
    )


RULES = load(SHIPPED)


def reopening(order: int = 1, number: int = 500, at: datetime = NOON + timedelta(hours=1)) -> Undo:
    return Undo(TENANT, UUID(int=order), UUID(int=1000 + order), UUID(int=number), at, Because.REOPENED)


def failure(order: int = 1, number: int = 600, at: datetime = NOON + timedelta(hours=1)) -> Undo:
    return replace(reopening(order, number, at), because=Because.CHECK_FAILED)


def appeal(order: int = 1, number: int = 700, at: datetime = NOON + timedelta(hours=2)) -> Appeal:
    return Appeal(TENANT, UUID(int=order), UUID(int=1000 + order), UUID(int=number), at)


class Book:
    """A ledger in memory, kept as the service keeps it in the database."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.rules = rules
        self.transactions: list[Transaction] = []
        self.undone: dict[UUID, Undo] = {}
        self.appeals: dict[UUID, Appeal] = {}
        self._ids = count(1_000_000)

    def _new_id(self) -> UUID:
        return UUID(int=next(self._ids))

    def hear(self, *deeds: Deed) -> list[Transaction]:
        earned = {day: self._earned(day) for day in capped_days(deeds, self.rules)}
        made = earn(deeds, self.rules, earned, self.undone, self._new_id)
        self.transactions += made
        return made

    def undo(self, undo: Undo) -> list[Transaction]:
        undo = replace(undo, appeal=self.appeals.get(undo.order_id))
        self.undone = strongest([*self.undone.values(), undo])
        reversed_already = {t.reverses for t in self.transactions}
        standing = [t for t in self.transactions if undo.covers(t) and t.id not in reversed_already]
        made = [each for t in standing for each in take_back(t, undo, self._new_id)]
        self.transactions += made
        return made

    def uphold(self, appeal: Appeal) -> list[Transaction]:
        self.appeals[appeal.order_id] = appeal
        self.undone = {o: replace(u, appeal=self.appeals.get(o)) for o, u in self.undone.items()}
        given_already = {t.reverses for t in self.transactions}
        made = [
            restore(t, appeal, self._new_id())
            for t in self.transactions
            if appeal.lifts(t) and t.id not in given_already
        ]
        self.transactions += made
        return made

    def _earned(self, day: CappedDay) -> Earned:
        earned = Earned()
        for t in self.transactions:
            if t.kind is Kind.EARN and CappedDay(t.tenant, t.member_id, t.rule, t.day) == day:
                earned = earned.plus(t)
        return earned

    def balances(self) -> dict[str, int]:
        totals: Counter[str] = Counter()
        for (_, account, _), change in changes(p for t in self.transactions for p in postings(t)).items():
            totals[account] += change
        return {account: total for account, total in totals.items() if total}

    def history(self) -> Counter[tuple[object, ...]]:
        """What was posted, without the ids that are made on the way."""
        causes = {t.id: t.cause_id for t in self.transactions}
        return Counter(
            (t.kind, t.rule, t.member_id, t.points, t.cause_id, t.reverses and causes[t.reverses])
            for t in self.transactions
        )
