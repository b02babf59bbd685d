"""Bugs of the chassis: how facts are heard, kept, recorded and published."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from libs.chassis.db.database import Database, Engine, connect, is_outage, transaction
from libs.chassis.db.tables import Inbox
from libs.chassis.handling.processing import Processor, Received
from libs.chassis.handling.retries import RetryEntry
from libs.chassis.messaging import outbox
from libs.chassis.messaging.relay import Relay
from libs.contracts.dispatch import OrderChecked
from services.incident import handlers as incident
from tests.chaos.planted.bugs import DISK_FULL, Patches, Refuse, bug
from tests.chaos.statements.cases import AFTER_FACTS, ORDERED, TIMELINE
from tests.chaos.statements.messages import ALL_HEARD, IN_ORDER, IN_STREAM, POISON_KEPT
from tests.chaos.statements.notifications import ENDED_ONCE
from tests.chaos.statements.orders import STANDS

SOME_ORDERS = Refuse("orders", "NEW.case_no ~ '[369]$'", seconds=2.5)
NO_ORDERS = Refuse("orders", "true", DISK_FULL)
NO_FACTS = Refuse("outbox", "NEW.subject ~ 'dispatched'")

_tasks: set[asyncio.Task[Any]] = set()


def _in_the_background(work: Any) -> None:
    """Goes on when whoever began it has been told that it is done; whatever goes wrong is lost."""

    async def quietly() -> None:
        with suppress(Exception):
            await work

    task = asyncio.create_task(quietly())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


@bug("dispatch", "messages are acknowledged before their effect is committed", ALL_HEARD, trouble=NO_ORDERS)
def ack_before_commit(patches: Patches) -> None:
    def make(process: Any) -> Any:
        async def at_once(self: Processor, tried: Any, kind: str) -> set[int]:
            _in_the_background(process(self, tried, kind))
            return set()

        return at_once

    patches.set(Processor, "_process", make)


@bug("notify", "the inbox does not drop copies", ENDED_ONCE)
def no_inbox(patches: Patches) -> None:
    def make(insert: Any) -> Any:
        async def all_new(self: Database, table: Any, rows: Sequence[Any], **how: Any) -> list[Any]:
            inserted: list[Any] = await insert(self, table, rows, **how)
            return [row["message_id"] for row in rows] if table is Inbox else inserted

        return all_new

    patches.set(Database, "insert", make)


@bug("incident", "copies are known by the correlation id, which all facts of a case share", ALL_HEARD, TIMELINE)
def inbox_by_correlation(patches: Patches) -> None:
    seen: set[UUID] = set()

    def make(once: Any) -> Any:
        async def first_of_each(self: Processor, items: Sequence[Received], hasty: bool) -> None:
            new = [item for item in items if item.message.correlation_id not in seen]
            seen.update(item.message.correlation_id for item in new)
            if new:
                await once(self, new, hasty)

        return first_of_each

    patches.set(Processor, "_in_one_transaction", make)


@bug("incident", "a handler swallows its exception, and the message counts as handled", TIMELINE, AFTER_FACTS)
def exception_swallowed(patches: Patches) -> None:
    def make(_: Any) -> Any:
        async def in_vain(batch: Any, db: Database) -> list[Any]:
            return []

        return in_vain

    patches.item(incident.router.events, OrderChecked, make)


@bug("dispatch", "when a batch fails, only its first half is tried again", ALL_HEARD, trouble=SOME_ORDERS)
def half_forgotten(patches: Patches) -> None:
    def make(_: Any) -> Any:
        async def first_half(self: Processor, items: list[Received], hasty: bool = False) -> list[Received]:
            # While this waits more messages come, which then fail together.
            await asyncio.sleep(0.3)
            try:
                await self._in_one_transaction(items, hasty)
            except Exception as error:
                if is_outage(error):
                    raise
                if len(items) > 1:
                    return await first_half(self, items[: len(items) // 2])
                kept = RetryEntry(items[0].message.id, items[0].envelope, 1, "failed")
                await self._keep(kept, timedelta(seconds=1))
            return []

        return first_half

    patches.set(Processor, "_bisect", make)


@bug("dispatch", "a message that failed is not kept for another try", ALL_HEARD, trouble=SOME_ORDERS)
def retry_forgotten(patches: Patches) -> None:
    patches.set(Processor, "_keep", lambda keep: _keep_only(keep, parked=True))


@bug("incident", "a message that is given up is not kept", POISON_KEPT)
def dead_letter_lost(patches: Patches) -> None:
    patches.set(Processor, "_keep", lambda keep: _keep_only(keep, parked=False))


def _keep_only(keep: Any, *, parked: bool) -> Any:
    async def some(self: Processor, kept: RetryEntry, delay: timedelta | None) -> None:
        if (delay is None) is parked:
            await keep(self, kept, delay)

    return some


@cache
def _own_engine() -> Engine:
    """Of the process in which the bug is: it has no other way to a second transaction."""
    return connect(os.environ["WANGGE_DISPATCH_DATABASE_URL"])


@bug("dispatch", "facts are recorded after the commit, in a transaction of their own", ORDERED, trouble=NO_FACTS)
def facts_after_commit(patches: Patches) -> None:
    def make(record: Any) -> Any:
        async def later(db: Database, facts: Iterable[Any]) -> None:
            engine, kept = _own_engine(), list(facts)

            async def record_them() -> None:
                async with transaction(engine) as own:
                    await record(own, kept)

            _in_the_background(record_them())

        return later

    patches.set(outbox, "record", make)


@bug("dispatch", "facts are recorded though what they tell of is rolled back", STANDS, trouble=SOME_ORDERS)
def facts_before_commit(patches: Patches) -> None:
    def make(record: Any) -> Any:
        async def at_once(db: Database, facts: Iterable[Any]) -> None:
            async with transaction(_own_engine()) as own:
                await record(own, facts)

        return at_once

    patches.set(outbox, "record", make)


@bug("incident", "the relay marks a row as published that it has not published", IN_STREAM)
def relay_row_lost(patches: Patches) -> None:
    def make(publish: Any) -> Any:
        async def but_one(self: Relay, rows: Sequence[Any]) -> dict[int, int]:
            published: dict[int, int] = await publish(self, rows[1:] if len(rows) > 2 else rows)
            return {rows[0].position: 0, **published}

        return but_one

    patches.set(Relay, "_publish", make)


@bug("dispatch", "the relay publishes what it finds from the newest to the oldest", IN_ORDER)
def relay_backwards(patches: Patches) -> None:
    def make(publish: Any) -> Any:
        async def backwards(self: Relay, rows: Sequence[Any]) -> dict[int, int]:
            published: dict[int, int] = await publish(self, rows[::-1])
            return published

        return backwards

    patches.set(Relay, "_publish", make)
