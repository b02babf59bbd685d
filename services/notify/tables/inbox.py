"""What HTTP reads: the inbox of a recipient, counts, and how long people wait to hear of a report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from libs.chassis.database import Database, Record

# What somebody was told before they were erased is not shown to who has their id after that.
INBOX = text(
    """
    SELECT d.delivery_id, n.case_id, s.case_no, n.template, n.parameters, n.occurred_at, d.read_at,
           coalesce(p.language, c.language) AS language,
           k.key, CASE WHEN s.recipient_id = d.recipient_id THEN s.tracking ELSE m.tracking END AS tracking
    FROM deliveries d
    JOIN notices n USING (tenant, event_id)
    LEFT JOIN cases s ON s.tenant = d.tenant AND s.case_id = n.case_id
    LEFT JOIN cases m ON m.tenant = d.tenant AND m.follows = n.case_id AND m.recipient_id = d.recipient_id
    LEFT JOIN contacts c ON c.tenant = d.tenant AND c.recipient_id = d.recipient_id
    LEFT JOIN preferences p ON p.tenant = d.tenant AND p.recipient_id = d.recipient_id
    LEFT JOIN person_keys k ON k.tenant = d.tenant AND k.recipient_id = d.recipient_id
    WHERE d.tenant = :tenant AND d.recipient_id = :recipient_id AND d.channel = 'in_app' AND d.state = 'delivered'
        AND (k.erased_at IS NULL OR n.queued_at > k.erased_at)
    ORDER BY d.delivery_id DESC LIMIT :limit
    """
)
READ = text(
    """
    UPDATE deliveries d SET read_at = coalesce(d.read_at, now())
    FROM unnest(CAST(:tenants AS text[]), CAST(:recipients AS text[]), CAST(:ids AS uuid[]))
        AS r (tenant, recipient_id, delivery_id)
    WHERE d.delivery_id = r.delivery_id AND d.tenant = r.tenant AND d.recipient_id = r.recipient_id
        AND d.channel = 'in_app' AND d.state = 'delivered'
    RETURNING d.delivery_id, d.read_at
    """
)
COUNTS = text(
    "SELECT channel, state, count(*) AS deliveries FROM deliveries WHERE tenant = :tenant GROUP BY channel, state"
)
# A sender that waited for its turn takes the time from before that, in which what it sends may have been queued.
LATENCY = text(
    """
    WITH first AS (
        SELECT n.case_id, min(n.queued_at) AS queued_at,
               min(greatest(d.first_attempt_at, n.queued_at)) FILTER (WHERE d.first_attempt_at IS NOT NULL)
                   AS attempted_at
        FROM notices n JOIN deliveries d USING (tenant, event_id)
        WHERE n.tenant = :tenant AND n.case_id IS NOT NULL AND d.state <> 'suppressed' GROUP BY n.case_id),
    waited AS (
        SELECT CAST(extract(epoch FROM f.queued_at - s.reported_at) AS float8) AS to_queued,
               CAST(extract(epoch FROM f.attempted_at - s.reported_at) AS float8) AS to_attempt
        FROM first f JOIN cases s ON s.tenant = :tenant AND s.case_id = f.case_id)
    SELECT count(*) AS cases,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY to_queued) AS queued_p50_seconds,
           percentile_cont(0.99) WITHIN GROUP (ORDER BY to_queued) AS queued_p99_seconds,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY to_attempt) AS attempted_p50_seconds,
           percentile_cont(0.99) WITHIN GROUP (ORDER BY to_attempt) AS attempted_p99_seconds
    FROM waited
    """
)


async def messages(db: Database, tenant: str, recipient_id: str, limit: int) -> Sequence[Record]:
    """The newest first."""
    return await db.rows(INBOX, {"tenant": tenant, "recipient_id": recipient_id, "limit": limit})


async def mark_read(db: Database, asked: Sequence[tuple[str, str, UUID]]) -> dict[UUID, datetime]:
    """Since when those are read that there are, for each (tenant, recipient_id, delivery_id)."""
    rows = await db.rows(
        READ,
        {"tenants": [t for t, _, _ in asked], "recipients": [r for _, r, _ in asked], "ids": [d for _, _, d in asked]},
    )
    return {row.delivery_id: row.read_at for row in rows}


async def counts(db: Database, tenant: str) -> dict[str, dict[str, int]]:
    """By channel and state."""
    found: dict[str, dict[str, int]] = {}
    for row in await db.rows(COUNTS, {"tenant": tenant}):
        found.setdefault(row.channel, {})[row.state] = row.deliveries
    return found


async def latency(db: Database, tenant: str) -> dict[str, Any]:
    """Percentiles are null as long as there is nothing to measure."""
    row = await db.one(LATENCY, {"tenant": tenant})
    assert row is not None
    return dict(row)
