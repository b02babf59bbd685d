"""Commands and the sweep of clocks lock in one sequence, so that none waits for what the other cannot give."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from asyncpg import PostgresError
from sqlalchemy import text

from libs.chassis.db.database import Database
from libs.contracts.dispatch import OrderOffered
from services.dispatch.orders.batch import OrderBatch
from tests.support.dispatch import TENANT, act, registered
from tests.support.stage import NOON, Stage, until

WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


@pytest.fixture
async def order_id(dispatch: Stage) -> UUID:
    await dispatch.hear(registered())
    [offer] = await dispatch.said(OrderOffered)
    return offer.order_id


async def somebody_waits(db: Database) -> None:
    async def count() -> int:
        row = await db.one(WAITING)
        return int(row[0]) if row is not None else 0

    await until(count)


async def test_a_command_waits_for_a_sweep_before_it_has_the_order(dispatch: Stage, order_id: UUID) -> None:
    async def command() -> None:
        async with dispatch.database() as db:
            await OrderBatch.open(db, {order_id}, [(TENANT, "M1")], NOON)

    async with dispatch.database() as sweep:
        await sweep.execute(text("DELETE FROM timers"))
        waiting = asyncio.create_task(command())
        await somebody_waits(sweep)
        await sweep.execute(text("SELECT 1 FROM orders FOR UPDATE NOWAIT"))
    await waiting


async def test_the_member_who_has_an_order_is_locked_with_it(dispatch: Stage, order_id: UUID) -> None:
    await act(dispatch, order_id, "claim", "M2")
    async with dispatch.database() as db:
        await OrderBatch.open(db, {order_id}, [(TENANT, "M1")], NOON)
        with pytest.raises(PostgresError, match="could not obtain lock"):
            async with dispatch.database() as other:
                await other.execute(text("SELECT 1 FROM members WHERE member_id = 'M2' FOR UPDATE NOWAIT"))
