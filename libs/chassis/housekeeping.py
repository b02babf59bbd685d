"""Deletes old rows of outbox and inbox, and reads the gauges that need a query."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import TextClause, text

from libs.chassis.db.database import Engine, transaction
from libs.chassis.handling import retries
from libs.chassis.messaging.topology import INBOX_DAYS
from libs.chassis.telemetry import metrics

OUTBOX_HOURS = 72
CHUNK = 5000

OLD_OUTBOX = text(
    """
    DELETE FROM outbox
    WHERE position <= (SELECT max(position) FROM (SELECT position FROM outbox ORDER BY position LIMIT :chunk) oldest)
        AND sent_at < now() - make_interval(hours => :hours)
    """
)
OLD_INBOX = text(
    """
    DELETE FROM inbox WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM inbox WHERE received_at < now() - make_interval(days => :days)
        ORDER BY received_at LIMIT :chunk))
    """
)
OLDEST_UNSENT = text(
    "SELECT extract(epoch FROM now() - recorded_at) FROM outbox WHERE sent_at IS NULL ORDER BY position LIMIT 1"
)


async def tidy(engine: Engine, service: str) -> None:
    """Delete old rows, a chunk per transaction so that locks are short, and set the gauges."""
    while await _forget(engine, OLD_OUTBOX, {"hours": OUTBOX_HOURS, "chunk": CHUNK}):
        pass
    while await _forget(engine, OLD_INBOX, {"days": INBOX_DAYS, "chunk": CHUNK}):
        pass
    async with transaction(engine) as db:
        oldest = await db.one(OLDEST_UNSENT)
        parked = await db.one(retries.PARKED_COUNT)
    metrics.UNSENT_AGE.labels(service).set(float(oldest[0]) if oldest else 0)
    metrics.PARKED.labels(service).set(parked[0] if parked else 0)


async def _forget(engine: Engine, old: TextClause, limits: Mapping[str, int]) -> int:
    async with transaction(engine) as db:
        return await db.execute(old, limits)
