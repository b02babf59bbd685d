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
from nats.js.errors import FetchTimeoutError

from libs.chassis.db.database import reason_of
from libs.chassis.messaging import nats_internals
from libs.chassis.messaging.faststream_internals import OwnPullSubscriber
from libs.chassis.telemetry import metrics
from libs.chassis.telemetry.failures import Failures
from libs.contracts.cloudevents import Envelope

log = structlog.get_logger()

POLL_SECONDS = 1.0
HEARTBEATS = 2.5
"""So often the broker says during a request that there is nothing: it takes no fewer than 2."""
SILENT_SECONDS = 3.0
SWEEP_SECONDS = 0.005
REST_SECONDS = 1.0
NAK_SECONDS = 1.0

Process = Callable[[Sequence[Envelope]], Awaitable[set[int]]]
"""Handles a batch; the places of those that are to be given back."""
Handle = Callable[[list[Msg]], Awaitable[None]]


class BatchPuller(OwnPullSubscriber):
    """Waits for one message, then fetches those that wait, for 5 ms at most. A single message is handled at once.

    FastStream's loop waits until the batch is full or the time is up, which delays a single message. It also catches
    `nats.errors.TimeoutError` where nats-py raises `asyncio.TimeoutError`, which ends its task. A batch is passed to
    `handle` directly, without FastStream's dependency injection: we use none, and it costs a thread per batch.
    """

    handle: Handle
    stream_label: str
    failures: Failures
    wake_upkeep: Callable[[], None]
    last_try: float
    """When it last began to fetch; 0 before it was started."""
    last_answer: float
    """When the broker last answered: with messages, or with a heartbeat while there were none."""
    idle: asyncio.Event

    @property
    def name(self) -> str:
        return f"consumer of {self.stream_label}"

    async def bind(self) -> JetStreamContext.PullSubscription:
        """Bind to the durable consumer, whether it is there yet or not; `pull_subscribe` would make another."""
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
        self.last_answer = time.monotonic()
        while self.running:
            self.last_try = time.monotonic()
            messages: list[Msg] = []
            try:
                if not full:
                    messages += await self.subscription.fetch(
                        1, timeout=POLL_SECONDS, heartbeat=POLL_SECONDS / HEARTBEATS
                    )
                    self._answered()
                # What is delivered again does not count as pending, and comes in numbers, too.
                if full or messages[0].metadata.num_pending or messages[0].metadata.num_delivered > 1:
                    rest = self.pull_sub.batch_size - len(messages)
                    messages += await self.subscription.fetch(rest, timeout=SWEEP_SECONDS)
            except FetchTimeoutError:
                self._answered()
            except TimeoutError:
                if not full and not messages:
                    self._not_answered()
            except (NatsError, JetStreamError, OSError) as error:
                self.failures.failed(self.name, f"{type(error).__name__}: {error}")
                self.wake_upkeep()
                await asyncio.sleep(REST_SECONDS)
            full = len(messages) == self.pull_sub.batch_size
            if messages and self.running:
                await self.handle(messages)
            elif messages:
                await nak(messages)

    def _answered(self) -> None:
        self.last_answer = time.monotonic()
        self.failures.succeeded(self.name)

    def _not_answered(self) -> None:
        """Once may be chance: a connection that was made anew has forgotten the request."""
        if time.monotonic() - self.last_answer > SILENT_SECONDS:
            self.failures.failed(self.name, "the broker does not answer")
            self.wake_upkeep()

    async def _give_back_latecomers(self) -> None:
        """Nak what the last fetch brings after its timeout; it would otherwise come again only after its time."""
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


def subscribe(
    broker: NatsBroker,
    stream: str,
    durable: str,
    batch_size: int,
    process: Process,
    failures: Failures,
    wake_upkeep: Callable[[], None],
) -> BatchPuller:
    """Hand every batch of a durable consumer to `process`, and acknowledge it after that.

    `wake_upkeep` is called when the broker does not know the consumer, or does not answer.
    """
    made = broker.subscriber(
        stream=JStream(stream, declare=False),
        config=ConsumerConfig(durable_name=durable, filter_subjects=[]),
        pull_sub=PullSub(batch_size=batch_size, timeout=POLL_SECONDS, batch=True),
        ack_policy=AckPolicy.MANUAL,
        no_reply=True,
    )
    subscriber = BatchPuller.take_over(made)
    subscriber.stream_label, subscriber.failures, subscriber.wake_upkeep = stream, failures, wake_upkeep
    subscriber.last_try = subscriber.last_answer = 0.0
    subscriber.idle = asyncio.Event()
    subscriber.idle.set()
    handling = f"handling of {stream}"

    async def handle(messages: list[Msg]) -> None:
        try:
            held = await process([Envelope(m.subject, m.headers or {}, m.data) for m in messages])
        except Exception as error:
            failures.failed(handling, f"{len(messages)} messages given back: {reason_of(error)}")
            await nak(messages)
            await asyncio.sleep(REST_SECONDS)
            return
        if held:
            failures.failed(handling, f"{len(held)} messages given back: somebody holds a lock on what they change")
            await nak([m for place, m in enumerate(messages) if place in held])
        else:
            failures.succeeded(handling)
        await acknowledge([m for place, m in enumerate(messages) if place not in held])

    # FastStream does not start a subscriber without a registered function.
    subscriber(handle)
    subscriber.handle = handle
    return subscriber


def answer_age_seconds(service: str, subscriber: BatchPuller) -> float:
    """Since the broker last answered it."""
    age = time.monotonic() - subscriber.last_answer
    metrics.FETCH_AGE.labels(service, subscriber.stream_label).set(age)
    return age
