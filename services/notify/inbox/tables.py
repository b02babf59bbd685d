"""The inbox of a recipient: deliveries in the app, with all that their words need."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from libs.chassis.db.database import Database, Record

# Notices from before an erasure of the recipient are hidden: the id may belong to somebody else by now.
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
