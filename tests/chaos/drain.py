"""After the faults: waits until nothing is under way, and spares everybody the pauses of minutes before a next try."""

from __future__ import annotations

import asyncio
import time

import asyncpg

from deploy.local.reconciliation.at_rest import jetstream, lag, number, under_way, wait_until_nothing
from deploy.local.system import LocalSystem
from libs.chassis.messaging import topology, upkeep
from libs.contracts.services import SERVICES
from wangge.wiring import handled

HURRY_SECONDS = 5.0
RETRY_NOW = "UPDATE retries SET due_at = now() WHERE due_at > now()"
SEND_NOW = "UPDATE deliveries SET due_at = now() WHERE state = 'queued' AND due_at > now()"
"""Not those that a sender has leased: a lease has to end by itself."""


async def lag_zero_at(local: LocalSystem, patience_seconds: float) -> float | None:
    """When for once everything was published and consumed, in seconds since 1970; None when the patience was over."""
    return None if await wait_until_nothing(lag, local, patience_seconds) else time.time()


async def caught_up_at(local: LocalSystem, patience_seconds: float) -> float | None:
    """When all that had been recorded before this call was published and consumed; None when the patience was over.

    What is recorded meanwhile does not count. Afterwards every stream is looked at by its service, and when one turns
    out to have lost something, it was not all.
    """
    recorded: dict[str, int] = {}

    async def recorded_until_now(local: LocalSystem) -> list[str]:
        for service in SERVICES:
            recorded[service] = await number(local, service, "SELECT coalesce(max(position), 0) FROM outbox")
        return []

    async def unpublished(local: LocalSystem) -> list[str]:
        query = "SELECT count(*) FROM outbox WHERE sent_at IS NULL AND position <= $1"
        return [service for service in SERVICES if await number(local, service, query, recorded[service])]

    if await wait_until_nothing(recorded_until_now, local, patience_seconds):
        return None
    while not await wait_until_nothing(unpublished, local, patience_seconds):
        consumed = Consumed()
        if await wait_until_nothing(consumed.what_is_left, local, patience_seconds):
            return None
        at, noted = time.time(), await _losses(local)
        await asyncio.sleep(upkeep.LOOK_SECONDS + upkeep.REST_SECONDS)
        if await _losses(local) == noted:
            return at
    return None


class Consumed:
    """Whether every consumer has handled what its stream had when it was first asked."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    async def what_is_left(self, local: LocalSystem) -> list[str]:
        left = []
        async with jetstream(local) as js:
            for stream, service, _ in topology.consumers(handled()):
                if stream not in self._last:
                    self._last[stream] = (await js.stream_info(stream)).state.last_seq
                consumer = await js.consumer_info(stream, service)
                floor = consumer.ack_floor.stream_seq if consumer.ack_floor else 0
                if floor < self._last[stream] and (consumer.num_pending or consumer.num_ack_pending):
                    left.append(f"{service} of {stream}")
        return left


async def _losses(local: LocalSystem) -> list[int]:
    return [await number(local, service, "SELECT count(*) FROM stream_losses") for service in SERVICES]


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
