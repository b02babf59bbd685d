"""Health: `/live` (restart it otherwise), `/ready` (send it requests) and `/startup` (the schema it needs is there)."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from asyncpg import LockNotAvailableError
from fastapi import APIRouter
from fastapi.responses import JSONResponse
from sqlalchemy import text

from libs.chassis.db import schema_version
from libs.chassis.db.database import Engine, reason_of, transaction
from libs.chassis.db.ids import new_id
from libs.chassis.messaging.subscriber import BatchPuller, answer_age_seconds
from libs.chassis.telemetry.failures import Failures

STUCK_SECONDS = 120.0
STALE_SECONDS = 30.0
DATABASE_SECONDS = 3.0
LOCK_MILLISECONDS = 1000

LIMITS = text(f"SELECT set_config('lock_timeout', '{LOCK_MILLISECONDS}', true), set_config('work_mem', '64kB', true)")
# More than fits into work_mem goes into a temporary file of half a megabyte, for which there is no room on a full disk.
# A row would not show that: it goes into a page that is there.
ROOM = text("SELECT count(*) FROM generate_series(1, 25_000)")
TABLES = text(
    """
    SELECT string_agg(format('%I', tablename), ', ') FROM pg_tables
    WHERE schemaname = current_schema() AND tablename <> 'alembic_version'
    """
)
WRITE = text("INSERT INTO inbox (message_id) VALUES (:id)")
HOLDERS = text(
    """
    SELECT string_agg(DISTINCT format('%s by process %s (%s)', relation::regclass, pid,
                      coalesce(nullif(application_name, ''), usename)), ', ')
    FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'relation' AND granted AND pid <> pg_backend_pid()
        AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
        AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    """
)


class Checked(Protocol):
    """The attributes of a service that its health is read from."""

    name: str
    engine: Engine
    draining: bool
    failures: Failures
    subscribers: list[BatchPuller]

    @property
    def broker_connected(self) -> bool: ...


def router(service: Checked) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/live")
    async def live() -> JSONResponse:
        """An answer shows that the event loop runs; besides, no consumer that has started may be stuck. That others
        do not answer is no reason: a restart would not make them."""
        now = time.monotonic()
        return _answer({"consumers": all(now - s.last_try < STUCK_SECONDS for s in service.subscribers if s.last_try)})

    @routes.get("/ready")
    async def ready() -> JSONResponse:
        """Whether it takes requests. It does without NATS, once that was reached: facts wait in the outbox."""
        connected = service.broker_connected
        ages = {s.stream_label: round(answer_age_seconds(service.name, s), 1) for s in service.subscribers}
        wrong = await what_is_wrong_with(service.engine)
        if wrong is None:
            service.failures.succeeded("database")
        else:
            service.failures.failed("database", wrong)
        checks = {
            "accepting": not service.draining,
            "database": wrong is None,
            "broker_reached": all(s.last_answer for s in service.subscribers),
            "consumers": not connected or all(age < STALE_SECONDS for age in ages.values()),
            "relay": not connected or service.failures.seconds("relay") < STALE_SECONDS,
        }
        return _answer(checks, broker=connected, answer_age_seconds=ages, failing=service.failures.lasting())

    @routes.get("/startup")
    async def startup() -> JSONResponse:
        try:
            return _answer({"schema": await schema_version.is_ready(service.engine, service.name)})
        except Exception as error:
            return _answer({"schema": False}, error=type(error).__name__)

    return routes


def _answer(checks: dict[str, bool], **more: object) -> JSONResponse:
    return JSONResponse({**checks, **more}, 200 if all(checks.values()) else 503)


async def what_is_wrong_with(engine: Engine) -> str | None:
    """Why the work of the service would fail in its database; None when all of its tables can be written."""
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            return await _try_to_write(engine)
    except TimeoutError:
        return f"no answer within {DATABASE_SECONDS:.0f} s"
    except Exception as error:
        return reason_of(error)


class _Undo(Exception):
    """Ends the attempt, of which nothing is to stay."""


async def _try_to_write(engine: Engine) -> str | None:
    """Takes the locks of every write, writes a row and takes room. What only an open transaction holds up is named."""
    try:
        async with transaction(engine) as db:
            await db.execute(LIMITS)
            tables = await db.one(TABLES)
            if tables is None or tables[0] is None:
                return "there are no tables: `wangge migrate` makes them"
            await db.execute(text(f"LOCK TABLE {tables[0]} IN ROW EXCLUSIVE MODE"))
            await db.execute(WRITE, {"id": new_id()})
            await db.execute(ROOM)
            raise _Undo
    except _Undo:
        return None
    except LockNotAvailableError:
        async with transaction(engine) as db:
            holders = await db.one(HOLDERS)
        return f"a table is locked: {holders[0] if holders else None}"
