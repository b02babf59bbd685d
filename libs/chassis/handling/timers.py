"""Timers that survive restarts: rows with a due time of the domain, deleted in the transaction that handles them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import text

from libs.chassis.clock import Clock
from libs.chassis.db.database import Database, Engine, autocommit, is_held, is_outage, reason_of, transaction
from libs.chassis.handlers import Batch, EventRouter, Timer
from libs.chassis.handling import retries
from libs.chassis.handling.held_up import HeldUp, hurry
from libs.chassis.messaging import outbox
from libs.chassis.settings import ServiceSettings
from libs.chassis.telemetry import metrics
from libs.chassis.telemetry.failures import Failures

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
_STREET = "coalesce(body ->> 'tenant', '')"
_OF_STREETS = f"{_STREET} <> ALL(:without) AND (CAST(:only AS text) IS NULL OR {_STREET} = :only)"
_FIRST = f"""
    name = :name AND key = ANY(ARRAY(
        SELECT key FROM timers WHERE name = :name AND due_at <= :now AND {_OF_STREETS}
        ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED))
"""
TAKE = text(f"DELETE FROM timers WHERE {_FIRST} RETURNING body")
POSTPONE = text(
    f"UPDATE timers SET due_at = :now + :delay, attempts = attempts + 1 WHERE {_FIRST} RETURNING key, attempts"
)
STREETS_DUE = text(
    f"SELECT DISTINCT {_STREET} AS street FROM timers WHERE name = :name AND due_at <= :now ORDER BY street"
)


@dataclass(frozen=True, slots=True)
class _Due:
    """The first timers of a class that are due: those of all streets but some, or those of one street alone."""

    name: str
    now: datetime
    limit: int
    without: Sequence[str] = ()
    only: str | None = None

    def parameters(self) -> dict[str, Any]:
        return {**asdict(self), "without": list(self.without)}


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

    def __init__(
        self,
        engine: Engine,
        router: EventRouter,
        clock: Clock,
        settings: ServiceSettings,
        failures: Failures,
        wake_relay: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._router = router
        self._clock = clock
        self._settings = settings
        self._wake_relay = wake_relay
        self._held_up = HeldUp("timers", failures)

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
        return sum([await self._fire_class(row.name, now, limit) for row in due])

    async def _fire_class(self, name: str, now: datetime, limit: int) -> int:
        """All streets in one transaction, but those in whose way a lock was a moment ago: each of them by itself."""
        waiting = sorted(self._held_up.streets())
        fired = await self._fire(_Due(name, now, limit, waiting))
        return fired + await self._street_by_street(name, now, limit, waiting)

    async def _street_by_street(self, name: str, now: datetime, limit: int, streets: Sequence[str]) -> int:
        return sum([await self._fire(_Due(name, now, limit, only=street)) for street in streets])

    async def _fire(self, due: _Due) -> int:
        """The number of those that were handled; none where a lock of somebody else is in the way."""
        try:
            return await self._in_one_transaction(due)
        except Exception as error:
            if is_held(error):
                return await self._go_around(due, error)
            if is_outage(error):
                raise
            if due.limit > 1:
                return await self._fire(replace(due, limit=due.limit // 2))
            await self._postpone(due, error)
            return 0

    async def _go_around(self, due: _Due, error: Exception) -> int:
        """Which street's row is locked shows when each is tried by itself."""
        if due.only is not None:
            self._held_up.add(due.only, reason_of(error))
            return 0
        async with autocommit(self._engine) as db:
            streets = [row.street for row in await db.rows(STREETS_DUE, {"name": due.name, "now": due.now})]
        return await self._street_by_street(due.name, due.now, due.limit, [s for s in streets if s not in due.without])

    async def _in_one_transaction(self, due: _Due) -> int:
        timer, handler = self._router.timers[due.name]
        async with transaction(self._engine) as db:
            if due.only is not None:
                await hurry(db)
            rows = await db.rows(TAKE, due.parameters())
            fired = sorted((timer.model_validate(row.body) for row in rows), key=lambda t: t.due_at)
            events = await handler(Batch(fired, due.now, self._settings), db) if fired else ()
            await outbox.record(db, ((event, outbox.NO_CAUSE) for event in events))
        if events:
            self._wake_relay()
        metrics.count(self._router.service, "handled", [due.name] * len(fired))
        return len(fired)

    async def _postpone(self, due: _Due, error: Exception) -> None:
        async with transaction(self._engine) as db:
            for row in await db.rows(POSTPONE, {**due.parameters(), "delay": retries.DELAYS[-1]}):
                reason = reason_of(error)
                log.error("timer_failed", name=due.name, key=row.key, attempts=row.attempts, reason=reason)
        metrics.count(self._router.service, "retry", [due.name])
