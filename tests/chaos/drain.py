"""After the faults: waits until nothing is under way, and spares everybody the pauses of minutes before a next try."""

from __future__ import annotations

import asyncio
import time

import asyncpg

from deploy.local.reconciliation.at_rest import lag, under_way, wait_until_nothing
from deploy.local.system import LocalSystem
from libs.chassis.messaging import upkeep
from libs.contracts.services import SERVICES

HURRY_SECONDS = 5.0
RETRY_NOW = "UPDATE retries SET due_at = now() WHERE due_at > now()"
SEND_NOW = "UPDATE deliveries SET due_at = now() WHERE state = 'queued' AND due_at > now()"
"""Not those that a sender has leased: a lease has to end by itself."""


async def lag_zero_at(local: LocalSystem, patience_seconds: float) -> float | None:
    """When for once everything was published and consumed, in seconds since 1970; None when the patience was over."""
    return None if await wait_until_nothing(lag, local, patience_seconds) else time.time()


async def caught_up_at(local: LocalSystem, patience_seconds: float) -> float | None:
    """As `lag_zero_at`, and no stream turned out afterwards to have lost something: each is looked at meanwhile."""
    while (at := await lag_zero_at(local, patience_seconds)) is not None:
        noted = await _losses(local)
        await asyncio.sleep(upkeep.LOOK_SECONDS + upkeep.REST_SECONDS)
        if await _losses(local) == noted:
            return at
    return None


async def _losses(local: LocalSystem) -> list[int]:
    found = []
    for service in SERVICES:
        connection = await asyncpg.connect(local.database_url(service))
        try:
            found.append(await connection.fetchval("SELECT count(*) FROM stream_losses"))
        finally:
            await connection.close()
    return found


async def drain(local: LocalSystem, patience_seconds: float) -> list[str]:
    """What is still under way at last; empty when nothing is."""
    hurrying = asyncio.create_task(_hurry(local))
    try:
        return await wait_until_nothing(under_way, local, patience_seconds)
    finally:
        hurrying.cancel()


async def _hurry(local: LocalSystem) -> None:
    while True:
        for service in SERVICES:
            connection = await asyncpg.connect(local.database_url(service))
            try:
                await connection.execute(RETRY_NOW)
                if service == "notify":
                    await connection.execute(SEND_NOW)
            finally:
                await connection.close()
        await asyncio.sleep(HURRY_SECONDS)
