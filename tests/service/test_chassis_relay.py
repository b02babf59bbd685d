"""What the chassis promises about the outbox: everything leaves, in order per aggregate, and once in effect."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import nats
import pytest
from asyncpg import InterfaceError, PostgresError
from faststream.nats import NatsBroker
from sqlalchemy import text

from deploy.local.servers.nats_and_postgres import Servers
from libs.chassis.db.database import connect, is_outage, transaction
from libs.chassis.db.ids import new_id
from libs.chassis.messaging import outbox, topology
from libs.chassis.messaging.outbox import PARTITIONS
from libs.chassis.messaging.relay import LOCK, TAKE, NotPublished, Relay
from libs.contracts import cloudevents
from libs.contracts.message import Event
from libs.contracts.scoring import PointsPosted
from tests.support.probe import database, points, registered
from tests.support.stage import fresh_streams, until

AGGREGATES = 40


@pytest.fixture
async def relays(servers: Servers) -> AsyncIterator[list[Relay]]:
    """Three relays of one service, each with connections of its own, as three replicas have them."""
    url = await database(servers, "relay")
    await fresh_streams(servers.addresses.nats_url, {})
    made: list[Relay] = []
    for _ in range(3):
        broker = NatsBroker(servers.addresses.nats_url, logger=None, max_reconnect_attempts=-1)
        await broker.connect()
        made.append(Relay(connect(url), broker, "scoring", batch_size=100, poll_seconds=0.1))
    yield made
    for relay in made:
        await relay._broker.stop()
        await relay._engine.close()


async def write(relay: Relay, events: list[Event]) -> None:
    async with transaction(relay._engine) as db:
        await outbox.record(db, [(event, outbox.NO_CAUSE) for event in events])


def told(count: int) -> list[Event]:
    """Facts about few members, numbered in the order in which they were decided."""
    case = registered()
    return [points(case, f"M{n % AGGREGATES}").model_copy(update={"points": n}) for n in range(count)]


async def published(servers: Servers) -> list[PointsPosted]:
    connection = await nats.connect(servers.addresses.nats_url)
    js = connection.jetstream()
    info = await js.stream_info("SCORING")
    found: list[PointsPosted] = []
    subscription = await js.pull_subscribe("wangge.>", stream="SCORING")
    while len(found) < info.state.messages:
        for m in await subscription.fetch(500, timeout=5):
            await m.ack()
            event = cloudevents.decode(m.subject, m.headers or {}, m.data)
            assert isinstance(event, PointsPosted)
            found.append(event)
    await connection.close()
    return found


def out_of_order(events: list[PointsPosted]) -> int:
    last: dict[str, int] = {}
    disorder = 0
    for event in events:
        disorder += event.points < last.get(event.member_id, -1)
        last[event.member_id] = event.points
    return disorder


async def test_three_relays_publish_everything_once_and_in_order(servers: Servers, relays: list[Relay]) -> None:
    async def writer() -> None:
        events = told(4000)
        for at in range(0, len(events), 50):
            await write(relays[0], events[at : at + 50])

    async def drain(relay: Relay, until: asyncio.Task[None]) -> None:
        while not until.done():
            await relay.drain()
            await asyncio.sleep(0)
        await relay.drain()

    writing = asyncio.create_task(writer())
    await asyncio.gather(writing, *(drain(relay, writing) for relay in relays))
    events = await published(servers)
    assert len(events) == 4000
    assert out_of_order(events) == 0


async def test_a_relay_that_died_before_it_marked_its_rows_does_no_harm(servers: Servers, relays: list[Relay]) -> None:
    await write(relays[0], told(30))
    await relays[0].drain()
    async with transaction(relays[0]._engine) as db:
        await db.execute(text("UPDATE outbox SET sent_at = NULL WHERE position > 10"))
    await write(relays[0], told(30)[20:])
    await relays[1].drain()
    events = await published(servers)
    assert len(events) == 40
    assert len({e.id for e in events}) == 40


async def test_rows_wait_while_nats_is_down_and_leave_when_it_is_back(servers: Servers, relays: list[Relay]) -> None:
    servers.nats.kill()
    await write(relays[0], told(30))
    with pytest.raises(NotPublished):
        await relays[0].turn()
    servers.nats.start()

    async def all_sent() -> bool:
        return len(await sent_now(relays[0])) == 30

    await until(all_sent)
    assert len(await published(servers)) == 30


async def sent_now(relay: Relay) -> list[int]:
    """Positions of the rows that are sent, after one more try."""
    with suppress(NotPublished):
        await relay.drain()
    async with transaction(relay._engine) as db:
        return [r.position for r in await db.rows(text("SELECT position FROM outbox WHERE sent_at IS NOT NULL"))]


async def test_an_uncommitted_decision_is_never_published(servers: Servers, relays: list[Relay]) -> None:
    async def decide_and_fail() -> None:
        async with transaction(relays[0]._engine) as db:
            await outbox.record(db, [(event, outbox.NO_CAUSE) for event in told(5)])
            await relays[1].drain()
            raise LookupError

    with pytest.raises(LookupError):
        await decide_and_fail()
    await relays[1].drain()
    assert await published(servers) == []


async def test_a_replica_that_stands_still_does_not_hold_up_the_others_for_ever(
    servers: Servers, relays: list[Relay]
) -> None:
    await write(relays[0], told(30))
    standing_still = connect(relays[0]._engine.url, idle_in_transaction_seconds=1)

    async def stand_still() -> None:
        async with transaction(standing_still) as db:
            await db.one(TAKE, {"partitions": PARTITIONS, "lock": LOCK})
            while await relays[1].turn() == 0:  # noqa: ASYNC110  the server wakes nobody when it ends a transaction
                await asyncio.sleep(0.05)
            await db.execute(text("SELECT 1"))

    with pytest.raises((PostgresError, InterfaceError)) as ended:
        await stand_still()
    assert is_outage(ended.value)
    assert len(await published(servers)) == 30
    await standing_still.close()


async def test_topology_brings_an_existing_consumer_to_what_it_should_be(servers: Servers) -> None:
    await fresh_streams(servers.addresses.nats_url, {})
    handled = {"dispatch": [type(registered())]}
    made = await topology.apply(servers.addresses.nats_url, handled)
    assert made == ["consumer INCIDENT → dispatch"]
    assert await topology.apply(servers.addresses.nats_url, handled) == []
    changed = await topology.apply(servers.addresses.nats_url, handled, service_replicas=5)
    assert changed == ["consumer INCIDENT → dispatch"]
    connection = await nats.connect(servers.addresses.nats_url)
    info = await connection.jetstream().consumer_info("INCIDENT", "dispatch")
    await connection.close()
    assert info.config.max_ack_pending == 5 * topology.PENDING_PER_REPLICA
    assert info.config.max_deliver == -1


async def test_a_message_with_an_id_that_was_seen_is_stored_once(servers: Servers) -> None:
    await fresh_streams(servers.addresses.nats_url, {})
    connection = await nats.connect(servers.addresses.nats_url)
    js = connection.jetstream()
    event = points(registered()).stamped(new_id(), new_id())
    envelope = cloudevents.encode(event)
    headers = {**envelope.headers, "Nats-Msg-Id": str(event.id)}
    for _ in range(2):
        await js.publish(envelope.subject, envelope.body, headers=headers)
    info = await js.stream_info("SCORING")
    await connection.close()
    assert info.state.messages == 1
