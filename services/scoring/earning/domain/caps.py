"""What deeds earn by the rules in force, within the cap of a day. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from libs.street_time import local_day
from services.scoring.ledger.domain import Kind, Transaction, Undo, take_back
from services.scoring.rules.domain import Deed, Earner, Earning, Rules, earnings


@dataclass(frozen=True, slots=True)
class CappedDay:
    """What one member earns by one rule on one local day: `daily_cap` limits its total."""

    tenant: str
    member_id: str
    rule: str
    day: date


@dataclass(frozen=True, slots=True)
class Earned:
    """What was earned on a capped day, later reversed or not, and for which events.

    Reversals do not make room under the cap: otherwise what a day is worth would depend on when they arrive.
    """

    points: int = 0
    causes: frozenset[UUID] = frozenset()

    def plus(self, transaction: Transaction) -> Earned:
        return Earned(self.points + transaction.points, self.causes | {transaction.cause_id})


def capped_days(deeds: Iterable[Deed], rules: Rules) -> set[CappedDay]:
    """Every capped day that the deeds may add to."""
    return {_capped_day(deed, earning) for deed in deeds for earning in earnings(deed, rules)}


def _capped_day(deed: Deed, earning: Earning) -> CappedDay:
    return CappedDay(deed.tenant, earning.earner.member_id, earning.rule.name, local_day(deed.occurred_at))


def earn(
    deeds: Iterable[Deed],
    rules: Rules,
    earned: Mapping[CappedDay, Earned],
    undone: Mapping[UUID, Undo],
    new_id: Callable[[], UUID],
) -> list[Transaction]:
    """The transactions of the deeds, each after the ones that happened before it.

    One event earns once by a rule and member. The deed that reaches the cap earns the rest of it. What is
    undone already is posted and reversed at once, so that the ledger is the same for either order of arrival.
    """
    state = dict(earned)
    made: list[Transaction] = []
    for deed in sorted(deeds, key=lambda d: (d.occurred_at, d.cause_id)):
        for earning in earnings(deed, rules):
            day = _capped_day(deed, earning)
            before = state.get(day, Earned())
            points = _within_cap(earning, before)
            if points == 0 or deed.cause_id in before.causes:
                continue
            transaction = _transaction(new_id(), deed, earning, points, rules.version)
            state[day] = before.plus(transaction)
            made.append(transaction)
            undo = undone.get(deed.order_id) if deed.order_id else None
            if undo is not None and undo.covers(transaction):
                made += take_back(transaction, undo, new_id)
    return made


def _within_cap(earning: Earning, before: Earned) -> int:
    cap = earning.rule.daily_cap
    return earning.points if cap is None else max(0, min(earning.points, cap - before.points))


def _transaction(id: UUID, deed: Deed, earning: Earning, points: int, rules_version: int) -> Transaction:
    earner: Earner = earning.earner
    return Transaction(
        id=id,
        tenant=deed.tenant,
        kind=Kind.EARN,
        rule=earning.rule.name,
        rules_version=rules_version,
        dimension=earning.rule.dimension,
        member_id=earner.member_id,
        org_id=earner.org_id,
        points=points,
        cause_id=deed.cause_id,
        case_id=deed.case_id,
        order_id=deed.order_id,
        occurred_at=deed.occurred_at,
        day=local_day(deed.occurred_at),
    )
