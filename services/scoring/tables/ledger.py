"""Queries on the ledger: the lock of a street, what was earned, and the one way to post."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from itertools import chain
from uuid import UUID

from sqlalchemy import text

from libs.chassis.database import Database, Record
from services.scoring.domain.ledger import (
    Because,
    Earned,
    Kind,
    Posting,
    Purse,
    Transaction,
    Undo,
    changes,
    postings,
)
from services.scoring.tables.rows import PostingRow, TransactionRow

LOCK = text(
    """
    SELECT pg_advisory_xact_lock(hashtextextended('ledger:' || tenant, 0))
    FROM unnest(CAST(:tenants AS text[])) AS tenant
    """
)

EARNED = text(
    """
    SELECT asked.*, t.points, t.causes
    FROM unnest(CAST(:tenants AS text[]), CAST(:members AS text[]), CAST(:rules AS text[]), CAST(:days AS date[]))
        AS asked (tenant, member_id, rule, day)
    CROSS JOIN LATERAL (
        SELECT sum(points) AS points, array_agg(cause_id) AS causes FROM transactions t
        WHERE t.tenant = asked.tenant AND t.member_id = asked.member_id AND t.rule = asked.rule
            AND t.day = asked.day AND t.kind = 'earn'
    ) t
    WHERE t.points IS NOT NULL
    """
)

# By order_id alone, which is unique among streets: with the tenant, a plan that was made while the table was small
# reads all that the street ever earned.
STANDING = text(
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


async def earned(db: Database, purses: Collection[Purse]) -> dict[Purse, Earned]:
    if not purses:
        return {}
    asked = list(purses)
    rows = await db.rows(
        EARNED,
        {
            "tenants": [p.tenant for p in asked],
            "members": [p.member_id for p in asked],
            "rules": [p.rule for p in asked],
            "days": [p.day for p in asked],
        },
    )
    return {Purse(r.tenant, r.member_id, r.rule, r.day): Earned(r.points, frozenset(r.causes)) for r in rows}


async def standing(db: Database, undos: Collection[Undo]) -> list[Transaction]:
    """What the orders have earned that is not reversed yet."""
    if not undos:
        return []
    return [_transaction(row) for row in await db.rows(STANDING, {"orders": [u.order_id for u in undos]})]


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
