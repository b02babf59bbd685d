"""Health: `/live` (restart it otherwise), `/ready` (send it requests) and `/startup` (the schema it needs is there)."""

from __future__ import annotations

import asyncio
from typing import Protocol

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from sqlalchemy import text

from libs.chassis.db import schema_version
from libs.chassis.db.database import Engine, transaction
from libs.chassis.messaging.subscriber import BatchPuller, fetch_age_seconds

STUCK_SECONDS = 120.0
STALE_SECONDS = 30.0
DATABASE_SECONDS = 2.0


class Checked(Protocol):
    """The attributes of a service that its health is read from."""

    name: str
    engine: Engine
    draining: bool
    subscribers: list[BatchPuller]

    @property
    def broker_connected(self) -> bool: ...


def router(service: Checked) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    def fetch_ages() -> dict[str, float]:
        return {s.stream_label: round(fetch_age_seconds(service.name, s), 1) for s in service.subscribers}

    @routes.get("/live")
    async def live() -> JSONResponse:
        """An answer shows that the event loop runs; besides, no consumer that has started may be stuck."""
        started = [fetch_age_seconds(service.name, s) for s in service.subscribers if s.last_fetch]
        return _answer({"consumers": all(age < STUCK_SECONDS for age in started)})

    @routes.get("/ready")
    async def ready() -> JSONResponse:
        """Whether it takes requests. It does without NATS, once that was reached: facts wait in the outbox."""
        connected = service.broker_connected
        checks = {
            "accepting": not service.draining,
            "database": await _answers(service),
            "broker_reached": all(s.last_fetch for s in service.subscribers),
            "consumers": not connected or all(age < STALE_SECONDS for age in fetch_ages().values()),
        }
        return _answer(checks, broker=connected, fetch_age_seconds=fetch_ages())

    @routes.get("/startup")
    async def startup() -> JSONResponse:
        try:
            return _answer({"schema": await schema_version.is_ready(service.engine, service.name)})
        except Exception as error:
            return _answer({"schema": False}, error=type(error).__name__)

    return routes


def _answer(checks: dict[str, bool], **more: object) -> JSONResponse:
    return JSONResponse({**checks, **more}, 200 if all(checks.values()) else 503)


async def _answers(service: Checked) -> bool:
    try:
        async with asyncio.timeout(DATABASE_SECONDS), transaction(service.engine) as db:
            await db.one(text("SELECT 1"))
    except Exception:
        return False
    return True
