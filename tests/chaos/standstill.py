"""Whenever work has stood still for half a minute, the service that should do it has said so."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import asyncpg
import httpx
import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError

from libs.chassis.db.database import CONNECTION_ERRORS
from libs.chassis.messaging import topology
from tests.chaos.parts import replicas, service_of
from tests.chaos.world import World
from wangge.wiring import handled

STATEMENT = "whenever work stood still for 30 s, its service said so"
STILL_SECONDS = 30.0
LOOK_SECONDS = 2.0
ANSWER_SECONDS = 2.0
UNSENT = "SELECT min(position) FROM outbox WHERE sent_at IS NULL"

NOT_ASKED = (*CONNECTION_ERRORS, asyncpg.PostgresError, NatsError, JetStreamError)
"""Where a fault keeps us from looking, too, nothing is known."""


@dataclass(frozen=True, slots=True)
class Look:
    """`first` of what waits for the work, None when nothing does. `told`: a process of the service said that something
    fails, was not ready, or did not answer at all, which every prober sees."""

    at: float
    work: str
    first: int | None
    told: bool


def silent(looks: Iterable[Look]) -> list[str]:
    """Where the same waited first for too long, and nobody said anything in all that time."""
    by_work: defaultdict[str, list[Look]] = defaultdict(list)
    for look in looks:
        by_work[look.work].append(look)
    return [each for work, found in by_work.items() for each in _silent(work, found)]


def _silent(work: str, looks: list[Look]) -> list[str]:
    found: list[str] = []
    begun: Look | None = None
    told = False
    for look in looks:
        if begun is None or look.first is None or look.first != begun.first:
            begun, told = (look, False) if look.first is not None else (None, False)
        told = told or look.told
        if begun is not None and not told and look.at - begun.at >= STILL_SECONDS:
            found.append(f"{work} stood still at {begun.first} for {look.at - begun.at:.0f} s")
            begun = None
    return found


async def watch(world: World, until: asyncio.Event) -> list[Look]:
    """Look every two seconds until the event."""
    looks: list[Look] = []
    client = await nats.connect(world.nats_direct_url.split(","), max_reconnect_attempts=-1, error_cb=_expected)
    async with httpx.AsyncClient(timeout=ANSWER_SECONDS) as http:
        while not until.is_set():
            telling = await _telling(world, http)
            looks += await _publishing(world, telling)
            looks += await _consuming(client, telling)
            with suppress(TimeoutError):
                await asyncio.wait_for(until.wait(), LOOK_SECONDS)
    await client.close()
    return looks


async def _telling(world: World, http: httpx.AsyncClient) -> set[str]:
    """The services of which a process says that something is wrong."""

    async def tells(replica: str) -> bool:
        try:
            answer = await http.get(f"{world.local.services[replica].url}/ready")
        except httpx.HTTPError:
            return True
        return answer.status_code != 200 or not answer.json()["broker"] or bool(answer.json()["failing"])

    said = await asyncio.gather(*(tells(replica) for replica in replicas()))
    return {service_of(replica) for replica, told in zip(replicas(), said, strict=True) if told}


async def _publishing(world: World, telling: set[str]) -> list[Look]:
    looks = []
    for service in {service_of(replica) for replica in replicas()}:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                connection = await asyncpg.connect(world.database_url(service))
                try:
                    first = await connection.fetchval(UNSENT)
                finally:
                    connection.terminate()
        except NOT_ASKED:
            continue
        looks.append(Look(time.time(), f"the relay of {service}", first, service in telling))
    return looks


async def _consuming(client: Client, telling: set[str]) -> list[Look]:
    looks = []
    for stream, service, _ in topology.consumers(handled()):
        try:
            info = await client.jetstream(timeout=ANSWER_SECONDS).consumer_info(stream, service)
        except NOT_ASKED:
            continue
        waits = bool(info.num_pending or info.num_ack_pending)
        floor = info.ack_floor.stream_seq if info.ack_floor else 0
        looks.append(Look(time.time(), f"{service} on {stream}", floor if waits else None, service in telling))
    return looks


async def _expected(_: Exception) -> None:
    """The broker is away now and then: that is what is looked at."""
