"""What the chassis uses of nats-py and FastStream without being offered it: each is there, and does what we need."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import nats
import pytest
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, PullSub
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, StorageType, StreamConfig

from deploy.local.servers.nats_and_postgres import Servers
from libs.chassis.messaging import nats_internals
from libs.chassis.messaging.faststream_internals import OwnPullSubscriber, client_of

STREAM, SUBJECT, DURABLE = "INTERNALS", "internals.a", "internals"


@pytest.fixture
async def client(servers: Servers) -> AsyncIterator[Client]:
    """A connection to a NATS server that has a stream with a consumer."""
    connection = await nats.connect(servers.addresses.nats_url)
    js = connection.jetstream()
    await js.add_stream(StreamConfig(name=STREAM, subjects=[SUBJECT], storage=StorageType.MEMORY))
    await js.add_consumer(STREAM, ConsumerConfig(durable_name=DURABLE))
    yield connection
    await js.delete_stream(STREAM)
    await connection.close()


async def test_commands_that_are_written_leave_on_the_connection_in_their_order(client: Client) -> None:
    heard = await client.subscribe("internals.heard")
    await nats_internals.write(client, b"PUB internals.heard 1\r\na\r\nPUB internals.heard 1\r\nb\r\n")
    assert [(await heard.next_msg(10)).data for _ in range(2)] == [b"a", b"b"]


async def test_what_has_arrived_at_a_pull_subscription_is_taken_once(client: Client) -> None:
    subscription = await client.jetstream().pull_subscribe_bind(consumer=DURABLE, stream=STREAM)
    # Where the answers to its requests arrive: the second is the status that ends one which came to nothing.
    inbox = subscription._deliver
    await client.publish(inbox, b"late")
    await client.publish(inbox, b"", headers={"Status": "408"})
    after_both = await client.subscribe("internals.after")
    await client.publish("internals.after", b"")
    await after_both.next_msg(10)
    assert subscription.pending_msgs == 2
    assert [message.data for message in nats_internals.take_pending(subscription)] == [b"late"]
    assert nats_internals.take_pending(subscription) == []
    assert subscription.pending_msgs == 0


async def test_a_broker_has_a_client_from_its_connection_to_its_end(servers: Servers) -> None:
    broker = NatsBroker(servers.addresses.nats_url)
    assert client_of(broker) is None
    await broker.connect()
    connected = client_of(broker)
    assert isinstance(connected, Client)
    assert connected.is_connected
    await broker.stop()
    assert client_of(broker) is None


class Recorder(OwnPullSubscriber):
    """Counts what FastStream makes it do."""

    bound = 0
    pulled: asyncio.Queue[bytes] = asyncio.Queue()

    async def bind(self) -> JetStreamContext.PullSubscription:
        self.bound += 1
        return await self.jetstream.pull_subscribe_bind(consumer=DURABLE, stream=STREAM)

    async def pull(self) -> None:
        assert self.subscription is not None
        [message] = await self.subscription.fetch(1, timeout=10)
        await message.ack()
        await self.pulled.put(message.data)


async def test_a_subscriber_that_was_taken_over_binds_and_pulls_by_its_own_methods(
    client: Client, servers: Servers
) -> None:
    broker = NatsBroker(servers.addresses.nats_url, logger=None)
    made = broker.subscriber(
        stream=JStream(STREAM, declare=False),
        config=ConsumerConfig(durable_name=DURABLE, filter_subjects=[]),
        pull_sub=PullSub(batch_size=2, batch=True),
        ack_policy=AckPolicy.MANUAL,
        no_reply=True,
    )
    subscriber = Recorder.take_over(made)

    async def handle(messages: list[object]) -> None:
        raise AssertionError("FastStream's own loop has run")

    subscriber(handle)
    await broker.start()
    try:
        await client.jetstream().publish(SUBJECT, b"pulled")
        assert await asyncio.wait_for(subscriber.pulled.get(), 10) == b"pulled"
        assert (made is subscriber, subscriber.running, subscriber.bound) == (True, True, 1)
    finally:
        await broker.stop()
    assert not subscriber.running


def test_a_subscriber_of_another_class_is_not_taken_over() -> None:
    one_by_one = NatsBroker().subscriber("a", stream=JStream(STREAM, declare=False), pull_sub=PullSub(batch_size=2))
    with pytest.raises(TypeError, match="PullStreamSubscriber"):
        Recorder.take_over(one_by_one)
