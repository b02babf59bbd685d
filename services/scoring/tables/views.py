"""What may be looked up: standings, rankings, and whether the ledger adds up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import text

from libs.chassis.database import Database, Record

MEMBER = text(
    """
    SELECT m.name, m.org_id, o.name AS org_name, m.active
    FROM members m LEFT JOIN orgs o USING (tenant, org_id)
    WHERE m.tenant = :tenant AND m.member_id = :member_id
    """
)

BALANCES = text("SELECT dimension, balance FROM accounts WHERE tenant = :tenant AND account = :account")

# Ids follow the time of posting to the millisecond; what is shown follows the time of the facts.
LAST_POSTINGS = text(
    """
    SELECT * FROM (
        SELECT t.id AS transaction_id, t.kind, t.rule, t.rules_version, t.dimension, p.amount AS points, t.case_id,
            t.cause_id, t.reverses, t.because, t.occurred_at
        FROM postings p JOIN transactions t ON t.id = p.transaction_id
        WHERE p.tenant = :tenant AND p.account = :account
        ORDER BY p.transaction_id DESC LIMIT :limit
    ) last
    ORDER BY occurred_at DESC, reverses NULLS LAST, transaction_id DESC
    """
)

MEMBER_RANKING = text(
    """
    SELECT rank() OVER (ORDER BY points DESC) AS rank, s.member_id, m.name, m.org_id, o.name AS org_name, s.points
    FROM (
        SELECT substr(account, 8) AS member_id, CAST(sum(balance) AS bigint) AS points FROM accounts
        WHERE tenant = :tenant AND account LIKE 'member:%'
            AND (CAST(:dimension AS text) IS NULL OR dimension = :dimension)
        GROUP BY account
    ) s
    LEFT JOIN members m ON m.tenant = :tenant AND m.member_id = s.member_id
    LEFT JOIN orgs o ON o.tenant = :tenant AND o.org_id = m.org_id
    WHERE s.points > 0 AND coalesce(m.active, true)
    ORDER BY points DESC, s.member_id LIMIT :limit
    """
)

ORG_RANKING = text(
    """
    SELECT rank() OVER (ORDER BY points DESC) AS rank, s.org_id, o.name AS org_name, s.points
    FROM (
        SELECT substr(account, 5) AS org_id, CAST(sum(balance) AS bigint) AS points FROM accounts
        WHERE tenant = :tenant AND account LIKE 'org:%'
            AND (CAST(:dimension AS text) IS NULL OR dimension = :dimension)
        GROUP BY account
    ) s
    LEFT JOIN orgs o ON o.tenant = :tenant AND o.org_id = s.org_id
    WHERE s.points > 0 AND coalesce(o.active, true)
    ORDER BY points DESC, s.org_id LIMIT :limit
    """
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


async def member(db: Database, tenant: str, member_id: str) -> Record | None:
    return await db.one(MEMBER, {"tenant": tenant, "member_id": member_id})


async def balances(db: Database, tenant: str, account: str) -> dict[str, int]:
    """By dimension."""
    rows = await db.rows(BALANCES, {"tenant": tenant, "account": account})
    return {row.dimension: row.balance for row in rows}


async def last_postings(db: Database, tenant: str, account: str, limit: int) -> Sequence[Record]:
    return await db.rows(LAST_POSTINGS, {"tenant": tenant, "account": account, "limit": limit})


async def ranking(
    db: Database, of: Literal["members", "orgs"], tenant: str, dimension: str | None, limit: int
) -> Sequence[Record]:
    """The most points first; equal points share a rank. Who no longer serves keeps the points and is not ranked."""
    statement = MEMBER_RANKING if of == "members" else ORG_RANKING
    return await db.rows(statement, {"tenant": tenant, "dimension": dimension, "limit": limit})


async def verify(db: Database, tenant: str | None = None) -> LedgerCheck:
    """Replay the postings of a street, or of all, and compare the balances with them."""
    row = await db.one(CHECK, {"tenant": tenant})
    assert row is not None
    found = tuple(Difference(**each) for each in row.differences)
    return LedgerCheck(int(row.balances), int(row.postings), row.transactions, found)
