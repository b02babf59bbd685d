"""What the chassis promises about messages: handled once in effect, never lost, and none stops the others."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, NatsMessage, PullSub
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from deploy.local.servers.nats_and_postgres import Servers
from libs.chassis.db.database import Database
from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Batch, EventHandler
from libs.chassis.handling.processing import in_waves
from libs.contracts import cloudevents
from libs.contracts.incident import CaseClosed, CaseMerged, CaseRegistered
from libs.contracts.message import Event, Message
from libs.contracts.scoring import PointsPosted
from tests.support.probe import BOOM, closed, heard, probe, registered, router
from tests.support.stage import Stage


@pytest.fixture
async def stage(servers: Servers) -> AsyncIterator[Stage]:
    async with probe(servers) as running:
        yield running


async def test_a_fact_is_handled_and_what_follows_is_published_with_its_cause(stage: Stage) -> None:
    case = registered()
    await stage.hear(case)
    [said] = await stage.said(PointsPosted)
    assert said.cause_id == case.id
    assert said.correlation_id == case.correlation_id
    js = (await stage.service.broker.connect()).jetstream()
    message = await js.get_last_msg("SCORING", said.subject)
    assert message.headers is not None
    assert message.headers["Nats-Msg-Id"] == str(said.id)
    assert cloudevents.decode(said.subject, message.headers, message.data or b"") == said


async def test_a_server_that_stands_still_is_noticed_and_left(servers: Servers, stage: Stage) -> None:
    os.kill(servers.nats.pid, signal.SIGSTOP)
    async with asyncio.timeout(60):
        while stage.service.broker_connected:  # noqa: ASYNC110  what is waited for is that nothing comes
            await asyncio.sleep(0.1)
    os.kill(servers.nats.pid, signal.SIGCONT)
    async with asyncio.timeout(60):
        while not stage.service.broker_connected:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    await stage.hear(registered("路灯不亮"))
    assert await heard(stage, "registered") == ["路灯不亮"]


async def test_a_copy_is_dropped_in_the_same_batch_and_in_a_later_one(stage: Stage) -> None:
    case = registered()
    await stage.hear(case, case, case)
    await stage.hear(case)
    assert len(await heard(stage, "registered")) == 1
    assert len(await stage.said(PointsPosted)) == 1


async def test_a_message_that_cannot_be_handled_is_kept_and_the_others_go_on(stage: Stage) -> None:
    cases = [registered(f"case {n}") for n in range(50)]
    await stage.hear(*cases[:25], registered(BOOM), *cases[25:])
    assert sorted(await heard(stage, "registered")) == sorted(c.summary for c in cases)
    [(reason, given_up)] = await stage.kept()
    assert "23514" in reason
    assert not given_up


async def test_the_reason_that_is_kept_does_not_hold_what_the_message_said(stage: Stage) -> None:
    await stage.hear(registered(BOOM))
    [(reason, _)] = await stage.kept()
    assert BOOM not in reason


async def test_a_message_is_given_up_after_its_last_try_and_can_be_replayed(stage: Stage) -> None:
    await stage.hear(registered(BOOM))
    for _ in range(4):
        await stage.retry_now()
    [(_, given_up)] = await stage.kept()
    assert given_up
    async with stage.database() as db:
        await db.execute(text("ALTER TABLE heard DROP CONSTRAINT heard_summary_check"))
        await db.execute(text("UPDATE retries SET parked_at = NULL, due_at = now(), attempts = 0"))
    await stage.retry_now()
    assert await heard(stage, "registered") == [BOOM]
    assert await stage.kept() == []


@pytest.mark.parametrize(
    ("headers", "body", "reason"),
    [
        ({"ce-type": "wangge.incident.registered.v1", "ce-id": str(new_id())}, b"{", "JSON"),
        ({"ce-type": "wangge.incident.registered.v9", "ce-id": str(new_id())}, b"{}", "unknown"),
        ({"ce-type": "wangge.incident.registered.v1", "ce-id": str(new_id())}, b"{}", "is needed"),
        ({}, b"{}", "unknown"),
    ],
)
async def test_what_is_no_message_is_parked_with_what_would_be_right(
    stage: Stage, headers: dict[str, str], body: bytes, reason: str
) -> None:
    js = (await stage.service.broker.connect()).jetstream()
    await js.publish("wangge.370784004.incident.registered.v1", body, headers=headers)
    await stage.hear(registered("after it"))
    [(kept, given_up)] = await stage.kept()
    assert reason in kept
    assert given_up
    assert await heard(stage, "registered") == ["after it"]


async def test_what_is_no_message_is_one_dead_letter_however_often_it_comes(stage: Stage) -> None:
    js = (await stage.service.broker.connect()).jetstream()
    for body in (b"{", b"{", b"["):
        await js.publish("wangge.370784004.incident.registered.v1", body)
    await stage.settled()
    assert len(await stage.kept()) == 2


async def test_what_bears_the_id_of_another_message_does_not_take_its_place(stage: Stage) -> None:
    case = registered()
    end = closed(case)
    await stage.hear(end)
    js = (await stage.service.broker.connect()).jetstream()
    await js.publish("wangge.370784004.incident.closed.v1", b"{", headers={"ce-id": str(end.id)})
    await stage.settled()
    assert sorted(given_up for _, given_up in await stage.kept()) == [False, True]
    await stage.hear(case)
    await stage.retry_now()
    assert await heard(stage, "closed") == [""]
    assert [given_up for _, given_up in await stage.kept()] == [True]


async def test_an_unknown_field_is_ignored(stage: Stage) -> None:
    case = registered()
    envelope = cloudevents.encode(case)
    body = envelope.body.replace(b"{", b'{"newer": {"field": 1},', 1)
    js = (await stage.service.broker.connect()).jetstream()
    await js.publish(envelope.subject, body, headers=envelope.headers)
    await stage.settled()
    assert await heard(stage, "registered") == [case.summary]


async def test_a_fact_that_comes_before_what_it_refers_to_waits_for_it(stage: Stage) -> None:
    case = registered()
    await stage.hear(closed(case))
    [(reason, given_up)] = await stage.kept()
    assert "not registered here yet" in reason
    assert not given_up
    await stage.hear(case)
    await stage.retry_now()
    assert await heard(stage, "closed") == [""]
    assert await stage.kept() == []


async def test_facts_of_a_case_in_one_batch_are_handled_in_their_order(stage: Stage) -> None:
    cases = [registered(f"{n}") for n in range(20)]
    await stage.hear(*(fact for case in cases for fact in (case, closed(case))))
    assert len(await heard(stage, "closed")) == 20
    assert await stage.kept() == []


def changes_of_type(messages: list[Message], case: CaseRegistered) -> int:
    mine = [type(m) for m in messages if m.aggregate_id == str(case.case_id)]
    return sum(before is not after for before, after in pairwise(mine))


async def nothing(batch: Batch[Any], db: Database) -> list[Event]:
    return []


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=40), st.booleans())
def test_waves_keep_the_order_of_each_aggregate_and_lose_nothing(plan: list[tuple[int, bool]], same: bool) -> None:
    """Also where one handler takes both types: a wave has those of several cases, and of each case one type."""
    one: dict[type[Message], EventHandler] = dict.fromkeys((CaseRegistered, CaseClosed), nothing)
    handlers = one if same else router().events
    cases = [registered() for _ in range(4)]
    messages: list[Message] = [closed(cases[n]) if is_closed else cases[n] for n, is_closed in plan]
    waves = in_waves(messages, handlers)
    assert not same or len(waves) == max((changes_of_type(messages, case) + 1 for case in cases), default=0) * bool(
        plan
    )
    assert all(
        len({type(m) for m in wave if m.aggregate_id == str(c.case_id)}) <= 1 for _, wave in waves for c in cases
    )
    flat = [m for _, wave in waves for m in wave]
    assert sorted(map(id, flat)) == sorted(map(id, messages))
    assert all({handlers[type(m)] for m in wave} == {handler} for handler, wave in waves)
    for case in cases:
        assert [m for m in flat if m.aggregate_id == str(case.case_id)] == [
            m for m in messages if m.aggregate_id == str(case.case_id)
        ]


def test_what_joins_two_cases_comes_before_what_follows_for_either() -> None:
    """Who reported the case that was merged is told that the other one is closed."""
    one, other = registered("one"), registered("other")
    joined = CaseMerged(
        tenant=one.tenant,
        occurred_at=one.occurred_at,
        case_id=one.case_id,
        case_no=one.case_no,
        into_case_id=other.case_id,
        into_case_no=other.case_no,
    )
    handlers: dict[type[Message], EventHandler] = dict.fromkeys((CaseRegistered, CaseMerged, CaseClosed), nothing)
    waves = in_waves([one, joined, closed(other), closed(one)], handlers)
    assert [[type(m) for m in wave] for _, wave in waves] == [[CaseRegistered], [CaseMerged], [CaseClosed] * 2]


async def test_a_partial_batch_is_handled_without_being_delivered_again(stage: Stage) -> None:
    for n in range(5):
        await stage.hear(registered(f"{n}"))
    info = await (await stage.service.broker.connect()).jetstream().consumer_info("INCIDENT", "scoring")
    assert info.num_redelivered == 0
    assert info.delivered is not None
    assert info.delivered.consumer_seq == 5


async def test_the_pull_loop_of_faststream_still_lets_a_lone_message_wait(stage: Stage) -> None:
    """When this fails, `BatchPuller.pull` can go: the loop that it replaces has been mended."""
    waits = asyncio.Event()
    broker = NatsBroker(stage.service.settings.nats_url, logger=None)

    async def no_decoding(_: NatsMessage) -> bytes:
        return b""

    @broker.subscriber(
        "wangge.*.incident.registered.v1",
        stream=JStream("INCIDENT", declare=False),
        durable="upstream",
        pull_sub=PullSub(batch_size=200, timeout=5.0, batch=True),
        ack_policy=AckPolicy.MANUAL,
        decoder=no_decoding,
    )
    async def consume(_: NatsMessage) -> None:
        waits.set()

    async with broker:
        await broker.start()
        await stage.hear(registered())
        # The chassis has long handled it; the loop of FastStream waits for 199 more.
        assert not waits.is_set()


async def test_a_stream_holds_facts_and_does_not_answer_commands(stage: Stage) -> None:
    js = (await stage.service.broker.connect()).jetstream()
    info = await js.stream_info("INCIDENT")
    assert info.config.subjects is not None
    assert "wangge.*.incident.registered.>" in info.config.subjects
    assert not [s for s in info.config.subjects if "report." in s]


async def test_what_is_in_hand_is_finished_at_a_stop(servers: Servers) -> None:
    async with probe(servers) as stage:
        await stage.publish(*(registered(f"{n}") for n in range(300)))
        await asyncio.sleep(0.05)
    async with probe(servers, url=stage.service.settings.database_url) as again:
        await again.settled()
        assert sorted(await heard(again, "registered")) == sorted(f"{n}" for n in range(300))
        info = await (await again.service.broker.connect()).jetstream().consumer_info("INCIDENT", "scoring")
        assert info.num_redelivered == 0
