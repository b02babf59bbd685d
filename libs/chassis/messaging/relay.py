"""Publishes what the outbox holds, in order per aggregate, with any number of replicas.

A turn takes the hash partitions that no other replica is working on (advisory locks that end with the
transaction), publishes up to 500 rows as one atomic batch, and marks them as sent. A crash between the two
publishes them again with the same `Nats-Msg-Id`, which JetStream and every inbox drop.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import structlog
from faststream.nats import NatsBroker
from nats.errors import Error as NatsError
from sqlalchemy import text

from libs.chassis.db.database import Engine, Record, autocommit, transaction
from libs.chassis.db.ids import new_id
from libs.chassis.messaging import nats_wire
from libs.chassis.messaging.outbox import PARTITIONS
from libs.chassis.telemetry import metrics

log = structlog.get_logger()

PUBLISH_TIMEOUT_SECONDS = 5.0
MAX_SINGLE_PUBLISHES = 8
"""Up to so many rows are published singly: an atomic batch takes the server 5 ms however small, a message 1 ms."""

# In order of position, which only the index of unsent rows has: EXISTS alone would, by statistics from a time when
# much was waiting, go through all that has been sent.
UNSENT = text("SELECT position FROM outbox WHERE sent_at IS NULL ORDER BY position LIMIT 1")

TAKE = text(
    """
    WITH mine AS MATERIALIZED (
        SELECT p FROM generate_series(0, :partitions - 1) p WHERE pg_try_advisory_xact_lock(:lock, p))
    SELECT array_agg(p) AS mine, set_config('synchronous_commit', 'off', true) FROM mine
    """
)
"""A turn's commit does not wait for the disk: if a crash loses it, the rows are published again with the same id."""
LOCK = 0x77616E67

ROWS = text(
    """
    SELECT position, message_id, replays, subject, headers, body FROM outbox
    WHERE sent_at IS NULL AND partition = ANY(:mine) ORDER BY position LIMIT :limit
    """
)
SENT = text(
    """
    UPDATE outbox SET sent_at = now(), sequence = sent.sequence
    FROM unnest(CAST(:positions AS bigint[]), CAST(:sequences AS bigint[])) AS sent (position, sequence)
    WHERE outbox.position = sent.position
    """
)


class NotPublished(Exception):
    """JetStream did not take the messages; whether it has them is unknown, so they are sent again with the same id."""


class Relay:
    def __init__(self, engine: Engine, broker: NatsBroker, service: str, batch_size: int, poll_seconds: float) -> None:
        self._engine = engine
        self._broker = broker
        self._service = service
        self._batch_size = batch_size
        self._poll_seconds = poll_seconds
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Called after each commit of facts in this process, so that they need not wait for the next poll."""
        self._woken.set()

    async def wait(self) -> None:
        """Until `wake` is called, or it is time for a poll, which finds rows of processes that crashed."""
        try:
            await asyncio.wait_for(self._woken.wait(), self._poll_seconds)
        except TimeoutError:
            return

    async def drain(self) -> int:
        """Publish all rows of the partitions that this replica gets; the number of messages."""
        if not self._woken.is_set() and not await self._any_unsent():
            return 0
        self._woken.clear()
        total = published = await self.turn()
        while published == self._batch_size:
            published = await self.turn()
            total += published
        return total

    async def _any_unsent(self) -> bool:
        """One cheap query without a lock, for a poll."""
        async with autocommit(self._engine) as db:
            return await db.one(UNSENT) is not None

    async def turn(self) -> int:
        """Publish one batch; the number of messages. Raises NotPublished, and leaves the rows as they were."""
        async with transaction(self._engine) as db:
            mine = await db.one(TAKE, {"partitions": PARTITIONS, "lock": LOCK})
            if mine is None or mine.mine is None:
                return 0
            rows = await db.rows(ROWS, {"mine": mine.mine, "limit": self._batch_size})
            if rows:
                sequences = await self._publish(rows)
                sent = {"positions": [row.position for row in rows], "sequences": [sequences[r.position] for r in rows]}
                await db.execute(SENT, sent)
        metrics.PUBLISHED.labels(self._service).inc(len(rows))
        return len(rows)

    async def _publish(self, rows: Sequence[Record]) -> dict[int, int]:
        """The sequence in the stream of each row, by its position."""
        # JetStream refuses a whole batch when it has seen one of the ids; of single messages it drops only that one.
        if len(rows) > MAX_SINGLE_PUBLISHES and (last := await self._publish_atomically(rows)):
            return {row.position: last - before for before, row in enumerate(reversed(rows))}
        sequences: dict[int, int] = {}
        for wave in _waves(rows):
            published = await asyncio.gather(*(self._publish_one(row) for row in wave))
            sequences |= zip((row.position for row in wave), published, strict=True)
        return sequences

    async def _publish_one(self, row: Record) -> int:
        ack = await self._request(row.subject, row.body, {**row.headers, "Nats-Msg-Id": _msg_id(row)})
        if "error" in ack:
            raise NotPublished(str(ack["error"].get("description")))
        return int(ack["seq"])

    async def _publish_atomically(self, rows: Sequence[Record]) -> int | None:
        """The sequence of the last one; the others come right before it. None when the batch was refused.

        https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-50.md
        """
        batch_id = new_id().hex
        *first, last = [
            (
                row.subject,
                {
                    **row.headers,
                    "Nats-Msg-Id": _msg_id(row),
                    "Nats-Batch-Id": batch_id,
                    "Nats-Batch-Sequence": str(sequence),
                },
                row.body,
            )
            for sequence, row in enumerate(rows, 1)
        ]
        try:
            await nats_wire.publish(await self._broker.connect(), first)
        except (NatsError, OSError) as error:
            raise NotPublished(type(error).__name__) from error
        subject, headers, body = last
        ack = await self._request(subject, body, {**headers, "Nats-Batch-Commit": "1"})
        return int(ack["seq"]) if "error" not in ack else None

    async def _request(self, subject: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
        try:
            nats = await self._broker.connect()
            reply = await nats.request(subject, body, timeout=PUBLISH_TIMEOUT_SECONDS, headers=headers)
        except (NatsError, OSError, TimeoutError) as error:
            raise NotPublished(type(error).__name__) from error
        ack: dict[str, Any] = json.loads(reply.data)
        return ack


def _msg_id(row: Record) -> str:
    """By which JetStream drops copies. What is published again after a loss has another one: that the stream has seen
    the first does not mean that it has the message."""
    return f"{row.message_id}/{row.replays}" if row.replays else str(row.message_id)


def _waves(rows: Sequence[Record]) -> list[list[Record]]:
    """Groups of rows that may be published concurrently: each has an aggregate once at most, which keeps its order."""
    waves: list[list[Record]] = []
    seen: Counter[str] = Counter()
    for row in rows:
        aggregate = row.headers["ce-subject"]
        if seen[aggregate] == len(waves):
            waves.append([])
        waves[seen[aggregate]].append(row)
        seen[aggregate] += 1
    return waves
