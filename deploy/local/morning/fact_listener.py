"""Hears the facts of a street from JetStream as any other system would, each once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import nats.errors
from nats.aio.client import Client as NatsClient
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import Error as JetStreamError

from libs.contracts import cloudevents, services, streams
from libs.contracts.cloudevents import NotAMessage
from libs.contracts.message import Message

BATCH = 200


class FactListener:
    """The facts of one street from the moment of `follow`. The consumers survive a restart of NATS."""

    def __init__(self, bus: NatsClient, tenant: str, name: str) -> None:
        self._bus, self._tenant, self._name = bus, tenant, name
        self._heard: set[UUID] = set()
        self._queue: asyncio.Queue[Message] = asyncio.Queue()
        self._listening: list[asyncio.Task[None]] = []
        self._stopped = False

    async def follow(self) -> None:
        """Begins to listen to every stream, until `stop`."""
        self._begun = datetime.now(UTC)
        js = self._bus.jetstream()
        subscriptions = {service: await self._subscribe(js, service) for service in services.SERVICES}
        self._listening = [asyncio.create_task(self._fetch(js, *each)) for each in subscriptions.items()]

    async def stop(self) -> None:
        """Listens no more. The tasks are not cancelled: now and then nats-py swallows that, and they would go on."""
        self._stopped = True
        await asyncio.gather(*self._listening)

    async def heard(self) -> AsyncIterator[Message]:
        """Each fact once, those of one aggregate in the order in which they happened."""
        while True:
            yield await self._queue.get()

    async def _subscribe(self, js: JetStreamContext, service: str) -> JetStreamContext.PullSubscription:
        config = ConsumerConfig(
            durable_name=self._name,
            filter_subject=f"wangge.{self._tenant}.{service}.>",
            deliver_policy=DeliverPolicy.BY_START_TIME,
            opt_start_time=self._begun,
            # Not ALL: after a restart of NATS that would acknowledge messages that were never delivered.
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=30.0,
        )
        return await js.pull_subscribe("", self._name, streams.stream_name(service), config)

    async def _fetch(self, js: JetStreamContext, service: str, subscription: JetStreamContext.PullSubscription) -> None:
        while not self._stopped:
            try:
                messages = await subscription.fetch(BATCH, timeout=1)
            except TimeoutError:
                continue
            except (nats.errors.Error, JetStreamError, OSError):
                await asyncio.sleep(0.5)
                # Its consumer may be gone, with its stream or without.
                with suppress(nats.errors.Error, JetStreamError, OSError, TimeoutError):
                    subscription = await self._subscribe(js, service)
                continue
            for message in messages:
                # What is no message, or is not acknowledged in time, is the services' affair, or comes again.
                with suppress(NotAMessage):
                    self._hear(message)
                with suppress(nats.errors.Error):
                    await message.ack()

    def _hear(self, message: Msg) -> None:
        identity = cloudevents.message_id(message.headers or {})
        if identity not in self._heard:
            self._queue.put_nowait(cloudevents.decode(message.subject, message.headers or {}, message.data))
            self._heard.add(identity)
