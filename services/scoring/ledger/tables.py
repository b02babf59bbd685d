"""The ledger: the lock of a street, the one way to post, and the proof that it adds up."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from itertools import chain
from uuid import UUID

from sqlalchemy import BigInteger, Column, text
from sqlmodel import Field

from libs.chassis.db.columns import text_column, time_column
from libs.chassis.db.database import Database, Record
from services.scoring.ledger.domain import Because, Kind, Posting, Transaction, Undo, changes, postings
from services.scoring.table import ScoringTable


class AccountRow(ScoringTable, table=True):
    """The sum of an account's postings in one dimension, kept in the transaction that posts."""

    __tablename__ = "accounts"

    tenant: str = text_column(key=True)
    account: str = text_column(key=True)
    dimension: str = text_column(key=True)
    balance: int = Field(sa_column=Column(BigInteger, nullable=False))


class TransactionRow(ScoringTable, table=True):
    """Append-only. `day` is the street's day of `occurred_at`."""

    __tablename__ = "transactions"

    id: UUID = Field(primary_key=True)
    tenant: str = text_column()
    kind: str = text_column()
    rule: str = text_column()
    rules_version: int
    dimension: str = text_column()
    member_id: str = text_column()
    org_id: str = text_column()
    points: int
    cause_id: UUID
    case_id: UUID | None = None
    order_id: UUID | None = None
    occurred_at: datetime = time_column()
    day: date
    reverses: UUID | None = Field(default=None, foreign_key="transactions.id", unique=True)
    because: str | None = text_column(nullable=True)


class PostingRow(ScoringTable, table=True):
    """Append-only. The amounts of a transaction add up to zero."""

    __tablename__ = "postings"

    tenant: str = text_column(key=True)
    account: str = text_column(key=True)
    transaction_id: UUID = Field(primary_key=True, foreign_key="transactions.id")
    dimension: str = text_column()
    amount: int


LOCK = text(
    """
    SELECT pg_advisory_xact_lock(hashtextextended('ledger:' || tenant, 0))
    FROM unnest(CAST(:tenants AS text[])) AS tenant
    """
)

# By order_id alone, which is unique among streets: with the tenant, a plan that was made while the table was small
# reads all that the street ever earned.
UNREVERSED = text(
    """
    SELECT t.* FROM transactions t
    LEFT JOIN LATERAL (SELECT true AS found FROM transactions WHERE reverses = t.id LIMIT 1) reversal ON true
    WHERE t.order_id = ANY(CAST(:orders AS uuid[])) AND t.kind <> 'reversal' AND reversal.found IS NULL
    ORDER BY t.id
    """
)

TAKEN_BACK = text(
    """
    SELECT t.* FROM transactions t
    LEFT JOIN LATERAL (SELECT true AS found FROM transactions WHERE reverses = t.id LIMIT 1) given ON true
    WHERE t.order_id = ANY(CAST(:orders AS uuid[])) AND t.kind = 'reversal' AND given.found IS NULL
    ORDER BY t.id
    """
)

CHANGE_BALANCES = text(
    """
    INSERT INTO accounts (tenant, account, dimension, balance)
    SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:accounts AS text[]), CAST(:dimensions AS text[]),
        CAST(:changes AS bigint[]))
    ON CONFLICT (tenant, account, dimension) DO UPDATE SET balance = accounts.balance + excluded.balance
    """
)

_FIELDS = tuple(field.name for field in fields(Transaction))
_POSTING_FIELDS = tuple(field.name for field in fields(Posting))


async def lock(db: Database, tenants: Collection[str]) -> None:
    """Make every other batch about the ledgers of these streets wait until this transaction ends.

    Batches of a street would meet at the accounts of its rules anyway. Meeting here, before anything is read,
    keeps caps and reversals right with several replicas and cannot deadlock within a street.
    """
    await db.rows(LOCK, {"tenants": sorted(set(tenants))})


async def unreversed(db: Database, undos: Collection[Undo]) -> list[Transaction]:
    """What the orders have earned that is not reversed yet."""
    if not undos:
        return []
    return [_transaction(row) for row in await db.rows(UNREVERSED, {"orders": [u.order_id for u in undos]})]


async def taken_back(db: Database, orders: Collection[UUID]) -> list[Transaction]:
    """What was taken back for the orders and is not given again yet."""
    return [_transaction(row) for row in await db.rows(TAKEN_BACK, {"orders": list(orders)})]


def _transaction(row: Record) -> Transaction:
    values = {name: getattr(row, name) for name in _FIELDS}
    values["kind"] = Kind(values["kind"])
    values["because"] = Because(values["because"]) if values["because"] else None
    return Transaction(**values)


async def post(db: Database, transactions: Sequence[Transaction]) -> None:
    """Append the transactions and their postings, and change the balances by them."""
    if not transactions:
        return
    made = list(chain.from_iterable(map(postings, transactions)))
    await db.insert(TransactionRow, [{f: getattr(transaction, f) for f in _FIELDS} for transaction in transactions])
    await db.insert(PostingRow, [{f: getattr(posting, f) for f in _POSTING_FIELDS} for posting in made])
    changed = changes(made)
    await db.execute(
        CHANGE_BALANCES,
        {
            "tenants": [tenant for tenant, _, _ in changed],
            "accounts": [account for _, account, _ in changed],
            "dimensions": [dimension for _, _, dimension in changed],
            "changes": list(changed.values()),
        },
    )


# One statement, so that everything is seen at the same moment while batches go on.
CHECK = text(
    """
    WITH replay AS (
        SELECT tenant, account, dimension, sum(amount) AS amount FROM postings
        WHERE CAST(:tenant AS text) IS NULL OR tenant = :tenant
        GROUP BY tenant, account, dimension
    ), balance AS (
        SELECT * FROM accounts WHERE CAST(:tenant AS text) IS NULL OR tenant = :tenant
    ), different AS (
        SELECT tenant, account, dimension, coalesce(balance, 0) AS balance, coalesce(amount, 0) AS replayed
        FROM balance FULL JOIN replay USING (tenant, account, dimension)
        WHERE coalesce(balance, 0) <> coalesce(amount, 0)
        ORDER BY tenant, account, dimension
    )
    SELECT (SELECT coalesce(sum(balance), 0) FROM balance) AS balances,
        (SELECT coalesce(sum(amount), 0) FROM replay) AS postings,
        (SELECT count(*) FROM transactions WHERE CAST(:tenant AS text) IS NULL OR tenant = :tenant) AS transactions,
        (SELECT coalesce(json_agg(different), '[]') FROM different) AS differences
    """
)


@dataclass(frozen=True, slots=True)
class Difference:
    """An account whose balance is not what its postings add up to."""

    tenant: str
    account: str
    dimension: str
    balance: int
    replayed: int


@dataclass(frozen=True, slots=True)
class LedgerCheck:
    """Both sums are zero and there are no differences when the ledger is right."""

    sum_of_balances: int
    sum_of_postings: int
    transactions: int
    differences: tuple[Difference, ...]

    @property
    def adds_up(self) -> bool:
        return self.sum_of_balances == 0 and self.sum_of_postings == 0 and not self.differences


async def verify(db: Database, tenant: str | None = None) -> LedgerCheck:
    """Replay the postings of a street, or of all, and compare the balances with them."""
    row = await db.one(CHECK, {"tenant": tenant})
    assert row is not None
    found = tuple(Difference(**each) for each in row.differences)
    return LedgerCheck(int(row.balances), int(row.postings), row.transactions, found)
