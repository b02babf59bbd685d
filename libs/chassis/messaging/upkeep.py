"""Keeps a service's stream, and its consumers on the streams of others, as they must be, and the stream complete.

Every few seconds, and whenever something asks in vain, one replica looks. What is missing is made, what is different is
mended (topology.py). What the stream has lost is published again (losses.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import structlog
from faststream.nats import NatsBroker
from nats.aio.client import Client
from sqlalchemy import text

from libs.chassis.db.database import Engine, transaction
from libs.chassis.messaging import losses, topology
from libs.chassis.messaging.jetstream_api import NotThere
from libs.contracts import streams

log = structlog.get_logger()

LOOK_SECONDS = 5.0
REST_SECONDS = 1.0
LOCK = 0x77616E68
TAKE = text("SELECT pg_try_advisory_xact_lock(:lock)")


class NotComplete(Exception):
    """Something in the broker is missing that this service cannot make; the text says what."""


class Upkeep:
    def __init__(
        self,
        engine: Engine,
        broker: NatsBroker,
        service: str,
        subjects: Mapping[str, Sequence[str]],
        stream_replicas: int,
        service_replicas: int,
    ) -> None:
        """`subjects` of the facts that the service handles, by the stream that they are in."""
        self._engine = engine
        self._broker = broker
        self._service = service
        self._stream = topology.stream_config(service, stream_replicas)
        self._consumers = {
            stream: topology.consumer_config(service, each, service_replicas) for stream, each in subjects.items()
        }
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Something was asked of the broker in vain: it may be missing."""
        self._woken.set()

    async def wait(self) -> None:
        """Until it is time to look again; after `wake` a second, in which many may ask in vain."""
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            return
        await asyncio.sleep(REST_SECONDS)

    async def turn(self) -> None:
        """Look once, unless another replica is at it. Raises ApiError or NotComplete, naming what is wrong."""
        self._woken.clear()
        await losses.put_back(self._engine, self._service)
        async with transaction(self._engine) as db:
            taken = await db.one(TAKE, {"lock": LOCK})
            if taken is None or not taken[0]:
                return
            client = await self._broker.connect()
            missing = await self._mend(client)
            name = streams.stream_name(self._service)
            seen = await losses.look(client, name)
            lost = await losses.note(db, seen)
        if lost:
            await losses.put_back(self._engine, self._service)
        if missing:
            raise NotComplete(f"{', '.join(missing)}: the service that publishes there makes the stream")

    async def _mend(self, client: Client) -> list[str]:
        """The streams of other services that are missing: a consumer of theirs cannot be made."""
        done = [await topology.mend_stream(client, self._stream)]
        missing: list[str] = []
        for stream, wanted in self._consumers.items():
            try:
                done.append(await topology.mend_consumer(client, stream, wanted))
            except NotThere:
                missing.append(stream)
        for each in done:
            if each:
                log.warning("topology_mended", what=each)
        return missing
