"""Messages that could not be handled: when they are tried again, and when they are parked.

They wait in the database and not in NATS. A delayed message in NATS counts against the consumer's limit of pending
acknowledgements, so that a few hundred failing messages would stop the consumer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from libs.chassis.db.database import Database
from libs.contracts.cloudevents import Envelope

DELAYS = (timedelta(seconds=1), timedelta(seconds=5), timedelta(seconds=30), timedelta(seconds=120))
WAIT_AT_MOST = timedelta(hours=24)
LEASE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class RetryEntry:
    """A message that is not handled yet, after `attempts` attempts."""

    id: UUID
    envelope: Envelope
    attempts: int
    reason: str


def delay_after(attempts: int, *, waiting: bool) -> timedelta | None:
    """How long to wait after so many attempts; None: park it.

    A message that failed is tried four more times. A postponed one, which refers to something that has not arrived,
    is tried for a day: what it waits for may be held up by an outage.
    """
    if attempts <= len(DELAYS):
        return DELAYS[attempts - 1]
    tries_a_day = WAIT_AT_MOST // DELAYS[-1]
    return DELAYS[-1] if waiting and attempts < tries_a_day else None


STORE = text(
    """
    INSERT INTO retries (id, subject, headers, body, attempts, reason, due_at, parked_at)
    VALUES (:id, :subject, CAST(:headers AS jsonb), :body, :attempts, :reason,
            now() + make_interval(secs => :delay), CASE WHEN CAST(:delay AS float8) IS NULL THEN now() END)
    ON CONFLICT (id) DO UPDATE SET attempts = excluded.attempts, reason = excluded.reason,
        due_at = excluded.due_at, parked_at = excluded.parked_at
    """
)

LEASE = text(
    """
    UPDATE retries SET due_at = now() + make_interval(secs => :lease) WHERE id = ANY(ARRAY(
        SELECT id FROM retries WHERE due_at <= now() ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED))
    RETURNING id, subject, headers, body, attempts, reason
    """
)


async def store(db: Database, kept: RetryEntry, delay: timedelta | None) -> None:
    """Store a message for a retry after the delay, or park it when the delay is None."""
    await db.execute(
        STORE,
        {
            "id": kept.id,
            "subject": kept.envelope.subject,
            "headers": json.dumps(kept.envelope.headers),
            "body": kept.envelope.body,
            "attempts": kept.attempts,
            "reason": kept.reason,
            "delay": delay.total_seconds() if delay is not None else None,
        },
    )


async def lease_due(db: Database, limit: int) -> list[RetryEntry]:
    """Messages whose retry is due, leased for a minute: if this process dies, another takes them after that."""
    rows = await db.rows(LEASE, {"lease": LEASE_SECONDS, "limit": limit})
    return [RetryEntry(r.id, Envelope(r.subject, r.headers, bytes(r.body)), r.attempts, r.reason) for r in rows]


async def delete(db: Database, ids: Sequence[UUID]) -> None:
    if ids:
        await db.execute(text("DELETE FROM retries WHERE id = ANY(:ids)"), {"ids": list(ids)})


PARKED_COUNT = text("SELECT count(*) FROM retries WHERE parked_at IS NOT NULL")
