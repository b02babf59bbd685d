"""Each service, running, with the street that most of its tests need; a file may have its own instead."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.support.dispatch import put_street
from tests.support.incident import Orders, categories
from tests.support.patrols import put_patrolled_street
from tests.support.scoring import staffed
from tests.support.stage import MakeStage, Stage


@pytest.fixture
async def dispatch(stage: MakeStage) -> Stage:
    running = await stage("dispatch")
    await put_street(running)
    return running


@pytest.fixture
async def incident(stage: MakeStage) -> Stage:
    running = await stage("incident")
    Orders.now = datetime.now(UTC)
    await running.hear(*categories())
    return running


@pytest.fixture
async def scoring(stage: MakeStage) -> Stage:
    return await staffed(stage)


@pytest.fixture
async def on_patrol(stage: MakeStage) -> Stage:
    """Dispatch, on a street of three micro-grids with a member each; incident may join."""
    running = await stage("dispatch", "incident")
    await put_patrolled_street(running)
    return running
