"""What the chassis promises about timers: durable, once in effect, late rather than never, none stops the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from deploy.local.servers.nats_and_postgres import Servers
from libs.chassis.clock import Clock
from libs.chassis.handling import timers
from tests.support.probe import BOOM, Reminder, heard, probe
from tests.support.stage import NOON, Stage


@pytest.fixture
async def stage(servers: Servers) -> AsyncIterator[Stage]:
    async with probe(servers, sweep_seconds=3600) as running:
        yield running


async def set_timers(stage: Stage, *names: str) -> None:
    async with stage.database() as db:
        due = [
            Reminder(tenant="370784004", due_at=NOON + timedelta(seconds=n), name=name) for n, name in enumerate(names)
        ]
        await timers.schedule(db, due)


async def left(stage: Stage) -> list[str]:
    async with stage.database() as db:
        return [row.key for row in await db.rows(text("SELECT key FROM timers ORDER BY key"))]


async def test_due_timers_fire_in_their_order_however_late(stage: Stage) -> None:
    await set_timers(stage, "c", "a", "b")
    assert await stage.service.timers.fire_due(limit=10) == 3
    assert await heard(stage, "reminder") == ["c", "a", "b"]
    assert await left(stage) == []


async def test_two_sweeps_at_once_fire_each_timer_once(stage: Stage) -> None:
    await set_timers(stage, *(f"{n:03}" for n in range(200)))
    await asyncio.gather(*(stage.service.timers.fire_due(limit=20) for _ in range(20)))
    while await stage.service.timers.fire_due(limit=20):
        pass
    assert sorted(await heard(stage, "reminder")) == [f"{n:03}" for n in range(200)]


async def test_a_timer_that_cannot_be_handled_stays_and_the_others_fire(stage: Stage) -> None:
    await set_timers(stage, "a", BOOM, "b", "c")
    while await left(stage) != [BOOM]:
        await stage.service.timers.fire_due(limit=10)
    assert sorted(await heard(stage, "reminder")) == ["a", "b", "c"]
    async with stage.database() as db:
        row = await db.one(text("SELECT attempts, due_at > now() AS later FROM timers"))
    assert row is not None
    assert row.attempts == 1
    assert row.later


async def test_a_timer_replaces_the_one_with_its_key_and_can_be_unset(stage: Stage) -> None:
    await set_timers(stage, "a", "b")
    async with stage.database() as db:
        later = [Reminder(tenant="370784004", due_at=NOON + timedelta(days=36500), name="a")]
        await timers.schedule(db, later)
        await timers.cancel(db, Reminder, ["b", "unknown"])
    assert await stage.service.timers.fire_due(limit=10) == 0
    assert await left(stage) == ["a"]


def test_domain_time_runs_faster_in_a_demonstration_and_agrees_between_processes() -> None:
    real = [NOON]
    fast = [Clock(NOON, speed=360, real_time=lambda: real[0]) for _ in range(2)]
    real[0] = NOON + timedelta(seconds=10)
    assert fast[0].now() == fast[1].now() == NOON + timedelta(hours=1)
    assert Clock(NOON, speed=1, real_time=lambda: real[0]).now() == real[0]
