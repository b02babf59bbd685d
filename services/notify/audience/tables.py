"""What was told of a case before it was heard that somebody follows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from libs.chassis.db.columns import columns_of
from libs.chassis.db.database import Database, Record

# Whoever tells something of these cases has done so, or waits (recipients.followed.REPORTERS).
HOLD_FOLLOWED = text(
    """
    SELECT 1 FROM cases WHERE (tenant, case_id) IN (
        SELECT c.tenant, coalesce(c.follows, c.case_id) FROM cases c
        JOIN unnest(CAST(:tenants AS text[]), CAST(:cases AS uuid[])) AS f (tenant, case_id) USING (tenant, case_id))
    ORDER BY tenant, case_id FOR UPDATE
    """
)
# By the ids of facts, which begin with the time when they were told: a check from before the merging may close the case
# after it.
MISSED = text(
    """
    SELECT DISTINCT n.tenant, n.event_id, n.case_id, n.template, l.recipient_id
    FROM unnest(CAST(:tenants AS text[]), CAST(:cases AS uuid[]), CAST(:follows AS uuid[]), CAST(:since AS uuid[]))
        AS f (tenant, case_id, follows, since)
    CROSS JOIN LATERAL (
        SELECT recipient_id, follows FROM cases c WHERE c.tenant = f.tenant AND c.case_id = f.case_id
        UNION ALL
        SELECT recipient_id, follows FROM cases c WHERE c.tenant = f.tenant AND c.follower_of = f.case_id) AS l
    JOIN notices n ON n.tenant = f.tenant AND n.case_id = l.follows AND n.event_id > f.since
    WHERE l.recipient_id IS NOT NULL AND l.follows = coalesce(f.follows, l.follows)
        AND n.template = ANY(CAST(:templates AS text[]))
        AND NOT EXISTS (SELECT 1 FROM deliveries d
            WHERE (d.tenant, d.event_id, d.recipient_id) = (n.tenant, n.event_id, l.recipient_id))
    """
)


@dataclass(frozen=True, slots=True)
class Began:
    """From the fact `since` on who reported the case, and its followers, hear of another; so does a follower (None: of
    whichever it is)."""

    tenant: str
    case_id: UUID
    follows: UUID | None
    since: UUID


async def missed(db: Database, began: Sequence[Began], templates: Sequence[str]) -> Sequence[Record]:
    """(tenant, event_id, case_id, template, recipient_id) of notices that were told to others and not to them."""
    if not began:
        return []
    tenants, cases, follows, since = columns_of([(b.tenant, b.case_id, b.follows, b.since) for b in began], 4)
    await db.execute(HOLD_FOLLOWED, {"tenants": tenants, "cases": cases})
    asked = {"tenants": tenants, "cases": cases, "follows": follows, "since": since, "templates": templates}
    return await db.rows(MISSED, asked)
