"""What members and organisations have earned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import text

from libs.chassis.db.database import Database, Record

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
