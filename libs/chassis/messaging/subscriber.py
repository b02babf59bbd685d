"""The consumers of a service: FastStream's batch subscribers with a pull loop of our own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import structlog
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, PullSub
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig
from nats.js.errors import Error as JetStreamError

from libs.chassis.messaging import nats_internals
from libs.chassis.messaging.faststream_internals import OwnPullSubscriber
from libs.chassis.telemetry import metrics
from libs.contracts.cloudevents import Envelope

log = structlog.get_logger()

POLL_SECONDS = 1.0
SWEEP_SECONDS = 0.005
REST_SECONDS = 1.0
NAK_SECONDS = 1.0

Process = Callable[[Sequence[Envelope]], Awaitable[None]]
Handle = Callable[[list[Msg]], Awaitable[None]]


class BatchPuller(OwnPullSubscriber):
    """Waits for one message, then fetches those that wait, for 5 ms at most. A single message is handled at once.

    FastStream's loop waits until the batch is full or the time is up, which delays a single message. It also catches
    `nats.errors.TimeoutError` where nats-py raises `asyncio.TimeoutError`, which ends its task. A batch is passed to
    `handle` directly, without FastStream's dependency injection: we use none, and it costs a thread per batch.
    """

    handle: Handle
    last_fetch: float
    stream_label: str
    idle: asyncio.Event

    async def bind(self) -> JetStreamContext.PullSubscription:
        """Bind to the consumer that `wangge topology apply` made; `pull_subscribe` would make another."""
        durable = self.config.durable_name
        assert durable is not None
        return await self.jetstream.pull_subscribe_bind(consumer=durable, stream=self.stream_label)

    async def finish(self) -> None:
        """Stop fetching, and wait until the messages that were fetched are handled."""
        self.running = False
        await self.idle.wait()

    async def pull(self) -> None:
        self.idle.clear()
        try:
            await self._pull_while_running()
            await self._give_back_latecomers()
        finally:
            self.idle.set()

    async def _pull_while_running(self) -> None:
        assert self.subscription is not None
        full = False
        while self.running:
            self.last_fetch = time.monotonic()
            messages: list[Msg] = []
            try:
                if not full:
                    messages += await self.subscription.fetch(1, timeout=POLL_SECONDS)
                if full or messages[0].metadata.num_pending:
                    rest = self.pull_sub.batch_size - len(messages)
                    messages += await self.subscription.fetch(rest, timeout=SWEEP_SECONDS)
            except TimeoutError:
                pass
            except (NatsError, JetStreamError, OSError) as error:
                log.warning("fetch_failed", subject=self.subject.template, error=type(error).__name__)
                await asyncio.sleep(REST_SECONDS)
            full = len(messages) == self.pull_sub.batch_size
            if messages and self.running:
                await self.handle(messages)
            elif messages:
                await nak(messages)

    async def _give_back_latecomers(self) -> None:
        """Nak what the last fetch brings after its timeout; otherwise it would be redelivered only after 30 s."""
        assert self.subscription is not None
        await asyncio.sleep(SWEEP_SECONDS * 4)
        await nak(nats_internals.take_pending(self.subscription))


async def nak(messages: Sequence[Msg]) -> None:
    """Have NATS deliver the messages again after a second, to any replica."""
    for message in messages:
        try:
            await message.nak(delay=NAK_SECONDS)
        except (NatsError, JetStreamError, OSError) as error:
            log.warning("nak_failed", error=type(error).__name__)
            return


async def acknowledge(messages: Sequence[Msg]) -> None:
    """When this fails the messages are delivered again, and the inbox drops them as copies."""
    try:
        for message in messages:
            await message.ack()
    except (NatsError, JetStreamError, OSError) as error:
        log.warning("ack_failed", error=type(error).__name__)


def subscribe(broker: NatsBroker, stream: str, durable: str, batch_size: int, process: Process) -> BatchPuller:
    """Hand every batch of a durable consumer to `process`, and acknowledge it after that."""
    made = broker.subscriber(
        stream=JStream(stream, declare=False),
        config=ConsumerConfig(durable_name=durable, filter_subjects=[]),
        pull_sub=PullSub(batch_size=batch_size, timeout=POLL_SECONDS, batch=True),
        ack_policy=AckPolicy.MANUAL,
        no_reply=True,
    )
    subscriber = BatchPuller.take_over(made)
    subscriber.last_fetch, subscriber.stream_label, subscriber.idle = 0.0, stream, asyncio.Event()
    subscriber.idle.set()

    async def handle(messages: list[Msg]) -> None:
        try:
            await process([Envelope(m.subject, m.headers or {}, m.data) for m in messages])
        except Exception as error:
            log.error("batch_not_handled", stream=stream, size=len(messages), error=type(error).__name__)
            await nak(messages)
            await asyncio.sleep(REST_SECONDS)
            return
        await acknowledge(messages)

    # FastStream does not start a subscriber without a registered function.
    subscriber(handle)
    subscriber.handle = handle
    return subscriber


def fetch_age_seconds(service: str, subscriber: BatchPuller) -> float:
    age = time.monotonic() - subscriber.last_fetch
    metrics.FETCH_AGE.labels(service, subscriber.stream_label).set(age)
    return age
