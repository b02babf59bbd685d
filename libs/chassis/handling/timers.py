"""Timers that survive restarts: rows with a due time of the domain, deleted in the transaction that handles them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import structlog
from sqlalchemy import text

from libs.chassis.clock import Clock
from libs.chassis.db.database import Database, Engine, autocommit, is_outage, reason_of, transaction
from libs.chassis.handlers import Batch, EventRouter, Timer
from libs.chassis.handling import retries
from libs.chassis.messaging import outbox
from libs.chassis.telemetry import metrics

log = structlog.get_logger()

SET = text(
    """
    INSERT INTO timers (name, key, due_at, body)
    SELECT * FROM unnest(CAST(:names AS text[]), CAST(:keys AS text[]), CAST(:dues AS timestamptz[]),
                         CAST(:bodies AS jsonb[]))
    ON CONFLICT (name, key) DO UPDATE SET due_at = excluded.due_at, body = excluded.body, attempts = 0
    """
)
HOLD = text("SELECT 1 FROM timers WHERE name = :name AND key = ANY(:keys) ORDER BY key FOR UPDATE")
CANCEL = text("DELETE FROM timers WHERE name = :name AND key = ANY(:keys)")
FORGET = text(
    """
    DELETE FROM timers WHERE name = :name AND key = ANY(ARRAY(
        SELECT key FROM timers WHERE name = :name AND key = ANY(:keys) FOR UPDATE SKIP LOCKED))
    """
)
DUE = text(
    """
    SELECT name, due_at FROM unnest(CAST(:names AS text[])) AS known (name) CROSS JOIN LATERAL (
        SELECT due_at FROM timers WHERE name = known.name AND due_at <= :now ORDER BY due_at LIMIT 1) first
    ORDER BY due_at
    """
)
# = ANY(ARRAY(…)) and not IN: in a generic plan PostgreSQL estimates the subquery of IN as a tenth of the table.
_FIRST = """
    name = :name AND key = ANY(ARRAY(
        SELECT key FROM timers WHERE name = :name AND due_at <= :now
        ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED))
"""
TAKE = text(f"DELETE FROM timers WHERE {_FIRST} RETURNING body")
POSTPONE = text(
    f"UPDATE timers SET due_at = :now + :delay, attempts = attempts + 1 WHERE {_FIRST} RETURNING key, attempts"
)


async def schedule(db: Database, timers: Sequence[Timer]) -> None:
    """Set the timers; each replaces the one of its class and key."""
    latest = {(type(timer).__name__, timer.key): timer for timer in timers}
    if latest:
        await db.execute(
            SET,
            {
                "names": [name for name, _ in latest],
                "keys": [key for _, key in latest],
                "dues": [timer.due_at for timer in latest.values()],
                "bodies": [timer.model_dump_json() for timer in latest.values()],
            },
        )


async def cancel(db: Database, timer: type[Timer], keys: Sequence[str]) -> None:
    """Unset the timers of the class with these keys; those that are not set do not matter."""
    if keys:
        await db.execute(CANCEL, {"name": timer.__name__, "keys": list(keys)})


async def forget(db: Database, timer: type[Timer], keys: Sequence[str]) -> None:
    """Delete the timers, except those that a running sweep has locked: its handler must find them out of date.

    Locked rows are skipped, so the caller never waits for a sweep, which may itself wait for rows of the caller: no
    deadlock.
    """
    if keys:
        await db.execute(FORGET, {"name": timer.__name__, "keys": list(keys)})


async def hold(db: Database, timer: type[Timer], keys: Iterable[str]) -> None:
    """Lock the timers, before any row that they are about. This is the lock order of a sweep.

    A command that locked in the other order could deadlock with a sweep.
    """
    await db.rows(HOLD, {"name": timer.__name__, "keys": sorted(keys)})


class TimerSweep:
    """Handles due timers, those of a class in the order of their time; each takes effect once, if need be late."""

    def __init__(self, engine: Engine, router: EventRouter, clock: Clock, wake_relay: Callable[[], None]) -> None:
        self._engine = engine
        self._router = router
        self._clock = clock
        self._wake_relay = wake_relay

    async def fire_due(self, limit: int) -> int:
        """Handle up to `limit` due timers of each class; the number of those that were handled.

        Timers of a class that this version of the service does not have are left for the version that has it.
        """
        if not self._router.timers:
            return 0
        now = self._clock.now()
        async with autocommit(self._engine) as db:
            due = await db.rows(DUE, {"names": list(self._router.timers), "now": now})
        late = (now - due[0].due_at).total_seconds() if due else 0.0
        metrics.LATE_TIMERS.labels(self._router.service).set(late)
        return sum([await self._fire(row.name, now, limit) for row in due])

    async def _fire(self, name: str, now: datetime, limit: int) -> int:
        try:
            return await self._in_one_transaction(name, now, limit)
        except Exception as error:
            if is_outage(error):
                raise
            if limit > 1:
                return await self._fire(name, now, limit // 2)
            await self._postpone(name, now, error)
            return 0

    async def _in_one_transaction(self, name: str, now: datetime, limit: int) -> int:
        timer, handler = self._router.timers[name]
        async with transaction(self._engine) as db:
            rows = await db.rows(TAKE, {"now": now, "name": name, "limit": limit})
            fired = sorted((timer.model_validate(row.body) for row in rows), key=lambda t: t.due_at)
            events = await handler(Batch(fired, now), db) if fired else ()
            await outbox.record(db, ((event, outbox.NO_CAUSE) for event in events))
        if events:
            self._wake_relay()
        metrics.count(self._router.service, "handled", [name] * len(fired))
        return len(fired)

    async def _postpone(self, name: str, now: datetime, error: Exception) -> None:
        async with transaction(self._engine) as db:
            for row in await db.rows(POSTPONE, {"now": now, "name": name, "limit": 1, "delay": retries.DELAYS[-1]}):
                reason = reason_of(error)
                log.error("timer_failed", name=name, key=row.key, attempts=row.attempts, reason=reason)
        metrics.count(self._router.service, "retry", [name])
