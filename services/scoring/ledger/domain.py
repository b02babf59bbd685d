"""The ledger: what a transaction posts to which account, and its exact reversal. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from libs.contracts.message import Event
from libs.contracts.scoring import PointsPosted, PointsReversed
from libs.street_time import local_day


class Kind(StrEnum):
    EARN = "earn"
    REVERSAL = "reversal"
    RESTORE = "restore"


class Because(StrEnum):
    REOPENED = "reopened"
    CHECK_FAILED = "check_failed"
    APPEAL_UPHELD = "appeal_upheld"


@dataclass(frozen=True, slots=True)
class Transaction:
    """Points move from a rule's account to a member's and to the organisation's, or back. `points` is positive."""

    id: UUID
    tenant: str
    kind: Kind
    rule: str
    rules_version: int
    dimension: str
    member_id: str
    org_id: str
    points: int
    cause_id: UUID
    case_id: UUID | None
    order_id: UUID | None
    occurred_at: datetime
    day: date
    reverses: UUID | None = None
    because: Because | None = None


@dataclass(frozen=True, slots=True)
class Posting:
    transaction_id: UUID
    tenant: str
    account: str
    dimension: str
    amount: int


@dataclass(frozen=True, slots=True)
class Appeal:
    """An appeal about an order was upheld: what was taken back until then is given again."""

    tenant: str
    order_id: UUID
    case_id: UUID
    cause_id: UUID
    occurred_at: datetime

    def lifts(self, transaction: Transaction) -> bool:
        mine = (transaction.tenant, transaction.order_id) == (self.tenant, self.order_id)
        return mine and transaction.kind is Kind.REVERSAL and transaction.occurred_at <= self.occurred_at


@dataclass(frozen=True, slots=True)
class Undo:
    """An order turned out not to be done: the event that said so.

    A reopened order is over, a new one takes its place, so everything that it earned is undone. After a failed
    check the same order goes on, and what is earned later stands.
    """

    tenant: str
    order_id: UUID
    case_id: UUID
    cause_id: UUID
    occurred_at: datetime
    because: Because
    appeal: Appeal | None = None

    def covers(self, transaction: Transaction) -> bool:
        mine = (transaction.tenant, transaction.order_id) == (self.tenant, self.order_id)
        if not mine or transaction.kind is Kind.REVERSAL:
            return False
        whole = self.because is Because.REOPENED and transaction.kind is Kind.EARN
        return whole or transaction.occurred_at <= self.occurred_at

    @property
    def precedence(self) -> tuple[bool, datetime, UUID]:
        """An order keeps one undo: a reopening before a failed check, then the later. It covers what the other does."""
        return (self.because is Because.REOPENED, self.occurred_at, self.cause_id)


def take_back(transaction: Transaction, undo: Undo, new_id: Callable[[], UUID]) -> list[Transaction]:
    """The reversal, and where an appeal was upheld since, what gives it again."""
    taken = reversal(transaction, undo, new_id())
    if undo.appeal is None or not undo.appeal.lifts(taken):
        return [taken]
    return [taken, restore(taken, undo.appeal, new_id())]


def reversal(transaction: Transaction, undo: Undo, id: UUID) -> Transaction:
    """The exact opposite. The rule, its version and the dimension stay those of what is reversed."""
    return replace(
        transaction,
        id=id,
        kind=Kind.REVERSAL,
        cause_id=undo.cause_id,
        occurred_at=undo.occurred_at,
        day=local_day(undo.occurred_at),
        reverses=transaction.id,
        because=undo.because,
    )


def restore(taken: Transaction, appeal: Appeal, id: UUID) -> Transaction:
    """The exact opposite of a reversal."""
    return replace(
        taken,
        id=id,
        kind=Kind.RESTORE,
        cause_id=appeal.cause_id,
        occurred_at=appeal.occurred_at,
        day=local_day(appeal.occurred_at),
        reverses=taken.id,
        because=Because.APPEAL_UPHELD,
    )


def strongest(undos: Iterable[Undo]) -> dict[UUID, Undo]:
    """One for each order: the one of the highest precedence."""
    kept: dict[UUID, Undo] = {}
    for undo in undos:
        other = kept.get(undo.order_id)
        if other is None or other.precedence < undo.precedence:
            kept[undo.order_id] = undo
    return kept


def postings(transaction: Transaction) -> tuple[Posting, Posting, Posting]:
    """What the transaction does to the accounts; the amounts add up to zero."""
    points = -transaction.points if transaction.kind is Kind.REVERSAL else transaction.points

    def posting(account: str, amount: int) -> Posting:
        return Posting(transaction.id, transaction.tenant, account, transaction.dimension, amount)

    return (
        posting(f"member:{transaction.member_id}", points),
        posting(f"org:{transaction.org_id}", points),
        posting(f"rule:{transaction.rule}", -2 * points),
    )


AccountKey = tuple[str, str, str]
"""(tenant, account, dimension)"""


def changes(made: Iterable[Posting]) -> dict[AccountKey, int]:
    """By how much the balances change, in the sequence in which every batch touches accounts."""
    totals: dict[AccountKey, int] = {}
    for each in made:
        key = (each.tenant, each.account, each.dimension)
        totals[key] = totals.get(key, 0) + each.amount
    return {key: totals[key] for key in sorted(totals)}


def facts(transactions: Iterable[Transaction]) -> list[Event]:
    return [_reversed(t) if t.kind is Kind.REVERSAL else _posted(t) for t in transactions]


def _posted(transaction: Transaction) -> PointsPosted:
    return PointsPosted(
        tenant=transaction.tenant,
        occurred_at=transaction.occurred_at,
        transaction_id=transaction.id,
        member_id=transaction.member_id,
        org_id=transaction.org_id,
        points=transaction.points,
        rule=transaction.rule,
        rules_version=transaction.rules_version,
        dimension=transaction.dimension,
        cause_id=transaction.cause_id,
        case_id=transaction.case_id,
    )


def _reversed(transaction: Transaction) -> PointsReversed:
    assert transaction.reverses is not None
    return PointsReversed(
        tenant=transaction.tenant,
        occurred_at=transaction.occurred_at,
        transaction_id=transaction.id,
        reverses=transaction.reverses,
        member_id=transaction.member_id,
        org_id=transaction.org_id,
        points=transaction.points,
        reason=str(transaction.because),
        cause_id=transaction.cause_id,
        case_id=transaction.case_id,
    )
