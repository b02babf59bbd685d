"""The broker is there and has forgotten something: what is missing is made anew, and what was lost published again."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import nats
import pytest
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, StreamConfig
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NotFoundError
from sqlalchemy import text

from deploy.local.servers.nats_and_postgres import Servers
from libs.chassis import health
from libs.chassis.messaging import topology, upkeep
from libs.chassis.messaging.upkeep import NotComplete, Upkeep
from libs.contracts.scoring import PointsPosted
from tests.support.probe import heard, probe, registered
from tests.support.stage import Stage, until

INCIDENT, SCORING = "INCIDENT", "SCORING"


@pytest.fixture
async def stage(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr(upkeep, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(upkeep, "REST_SECONDS", 0.05)
    async with probe(servers) as running:
        yield running


@pytest.fixture
async def js(servers: Servers) -> AsyncIterator[JetStreamContext]:
    connection = await nats.connect(servers.addresses.nats_url)
    yield connection.jetstream()
    await connection.close()


async def seen(stage: Stage) -> list[str]:
    """The summaries of the cases that were heard of, in order."""
    return await heard(stage, "registered")


def all_heard(stage: Stage, *summaries: str) -> Callable[[], Awaitable[bool]]:
    async def are() -> bool:
        return sorted(await seen(stage)) == sorted(summaries)

    return are


async def points_in(js: JetStreamContext) -> list[str]:
    """The ids of the facts in the stream of the service, none where it is not there."""
    try:
        state = (await js.stream_info(SCORING)).state
    except (NotFoundError, TimeoutError):
        return []
    messages = [await js.get_msg(SCORING, seq) for seq in range(state.first_seq, state.last_seq + 1) if state.messages]
    return [(message.headers or {})["ce-id"] for message in messages]


async def said_by(stage: Stage) -> list[str]:
    """The ids of the facts that the service has recorded, in order."""
    return [str(fact.id) for fact in await stage.said(PointsPosted)]


def all_in_the_stream(stage: Stage, js: JetStreamContext) -> Callable[[], Awaitable[bool]]:
    async def are() -> bool:
        return set(await points_in(js)) == set(await said_by(stage))

    return are


async def test_a_consumer_that_was_deleted_is_made_anew_and_nothing_is_skipped_or_handled_twice(
    stage: Stage, js: JetStreamContext
) -> None:
    await stage.hear(registered("before"))
    await js.delete_consumer(INCIDENT, "scoring")
    await stage.publish(registered("meanwhile"))
    await until(all_heard(stage, "before", "meanwhile"))
    await stage.hear(registered("after"))
    assert await seen(stage) == ["before", "meanwhile", "after"]


async def test_a_consumer_that_was_made_another_way_is_mended(stage: Stage, js: JetStreamContext) -> None:
    await js.delete_consumer(INCIDENT, "scoring")
    wrong = ConsumerConfig(
        durable_name="scoring", ack_policy=AckPolicy.NONE, filter_subject="wangge.*.incident.closed.v1"
    )
    await js.add_consumer(INCIDENT, wrong)
    await stage.publish(registered("meanwhile"))
    await until(all_heard(stage, "meanwhile"))
    config = (await js.consumer_info(INCIDENT, "scoring")).config
    assert (config.ack_policy, config.ack_wait, config.max_deliver) == (AckPolicy.EXPLICIT, 10, -1)


async def test_what_an_operator_has_set_is_kept(stage: Stage, js: JetStreamContext) -> None:
    config = (await js.stream_info(SCORING)).config
    subjects = [*(config.subjects or ()), "wangge.*.scoring.of_the_future.>"]
    await js.update_stream(config.evolve(subjects=subjects, max_bytes=10**9, max_age=3600.0, description="ours"))

    async def mended() -> StreamConfig | None:
        now = (await js.stream_info(SCORING)).config
        return now if now.max_age == 7 * 24 * 3600 else None

    now = await until(mended)
    assert (now.max_bytes, now.description) == (10**9, "ours")
    assert "wangge.*.scoring.of_the_future.>" in (now.subjects or ())


async def test_a_stream_that_was_deleted_is_made_anew_with_what_nobody_had_handled(
    stage: Stage, js: JetStreamContext
) -> None:
    await stage.hear(registered("one"), registered("two"))
    assert await points_in(js) == await said_by(stage)
    await js.delete_stream(SCORING)
    await until(all_in_the_stream(stage, js))
    await stage.hear(registered("three"))
    assert sorted(await points_in(js)) == sorted(await said_by(stage))


async def test_a_broker_that_comes_back_without_its_data_gets_everything_again(
    servers: Servers, stage: Stage, js: JetStreamContext
) -> None:
    await stage.hear(registered("one"), registered("two"))
    servers.nats.kill()
    shutil.rmtree(servers.nats.store)
    servers.nats.start()
    await topology.apply(servers.addresses.nats_url, {})  # INCIDENT, whose service is not here.
    await until(all_in_the_stream(stage, js))
    await stage.publish(registered("three"))
    await until(all_heard(stage, "one", "two", "three"))
    await until(all_in_the_stream(stage, js))


async def restarted(servers: Servers, js: JetStreamContext) -> None:
    """The broker is up again, with the streams that it has, and so is the connection."""
    servers.nats.start()

    async def answers() -> bool:
        try:
            return bool(await js.stream_info(INCIDENT))
        except (NatsError, JetStreamError, TimeoutError):
            return False

    await until(answers)


async def test_a_broker_that_comes_back_with_an_older_copy_gets_what_came_after_it(
    servers: Servers, stage: Stage, js: JetStreamContext, tmp_path: Path
) -> None:
    """Sequences are given a second time before anybody looks: what was there before must not be taken for new."""
    await stage.hear(*(registered(f"{n}") for n in range(5)))
    servers.nats.stop()
    shutil.copytree(servers.nats.store, tmp_path / "copy")
    await restarted(servers, js)
    await stage.hear(*(registered(f"{n}") for n in range(5, 12)))
    await until(all_in_the_stream(stage, js))
    servers.nats.kill()
    shutil.rmtree(servers.nats.store)
    shutil.copytree(tmp_path / "copy", servers.nats.store)
    await restarted(servers, js)
    await stage.publish(*(registered(f"{n}") for n in range(12, 30)))
    await until(all_heard(stage, *(f"{n}" for n in range(30))))
    await until(all_in_the_stream(stage, js))


async def test_what_was_purged_is_published_again_and_what_was_handled_by_all_is_not(
    stage: Stage, js: JetStreamContext
) -> None:
    await js.add_consumer(SCORING, ConsumerConfig(durable_name="notify", ack_policy=AckPolicy.EXPLICIT))
    await stage.hear(registered("handled"))
    reader = await js.pull_subscribe_bind(consumer="notify", stream=SCORING)
    [first] = await reader.fetch(1)
    await first.ack_sync()
    await until(handled_up_to(stage, 1))
    await stage.hear(registered("not handled"))
    await js.purge_stream(SCORING)
    [_, lost] = await said_by(stage)

    async def back() -> bool:
        return await points_in(js) == [lost]

    await until(back)
    [again] = await reader.fetch(1)
    assert again.headers is not None
    assert again.headers["ce-id"] == lost


def handled_up_to(stage: Stage, sequence: int) -> Callable[[], Awaitable[bool]]:
    async def is_known() -> bool:
        async with stage.database() as db:
            row = await db.one(text("SELECT handled FROM stream_seen"))
        return row is not None and row.handled.get("notify", 0) >= sequence

    return is_known


async def unable(self: Upkeep) -> None:
    """As where the broker's rules do not let a service make anything."""
    raise NotComplete("no right to make it")


def says(stage: Stage, check: str) -> Callable[[], Awaitable[dict[str, str] | None]]:
    """What is failing, once `/ready` says that the check is not well."""

    async def not_well() -> dict[str, str] | None:
        answer = await stage.http.get("/ready")
        said: dict[str, str] = answer.json()["failing"]
        return said if answer.status_code == 503 and answer.json()[check] is False else None

    return not_well


async def test_where_a_consumer_cannot_be_made_anew_health_says_so_and_a_restart_is_not_asked_for(
    stage: Stage, js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "STALE_SECONDS", 1.0)
    monkeypatch.setattr(Upkeep, "turn", unable)
    assert (await stage.http.get("/ready")).status_code == 200
    await js.delete_consumer(INCIDENT, "scoring")
    failing = await until(says(stage, "consumers"))
    assert "consumer of INCIDENT" in failing
    assert "no right to make it" in failing["upkeep"]
    assert (await stage.http.get("/live")).status_code == 200


async def test_where_nothing_can_be_published_health_says_so(
    stage: Stage, js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "STALE_SECONDS", 1.0)
    monkeypatch.setattr(Upkeep, "turn", unable)
    await js.delete_stream(SCORING)
    assert (await stage.http.post("/notes/waiting")).status_code == 200
    assert "NotPublished" in (await until(says(stage, "relay")))["relay"]
    assert (await stage.http.get("/live")).status_code == 200


async def test_a_missing_stream_of_another_service_is_named(stage: Stage, js: JetStreamContext) -> None:
    await js.delete_stream(INCIDENT)

    async def named() -> str | None:
        failing: dict[str, str] = (await stage.http.get("/ready")).json()["failing"]
        return failing.get("upkeep")

    assert "INCIDENT" in await until(named)
