"""What a service's stream has lost, and how it is published again.

The stream is looked at every few seconds: its sequences, and up to where each consumer has handled them. It may then
have been made anew (it was deleted, or the broker came back without its data), begin later (it was purged), or end
earlier (the broker came back with an older copy, and counts on from there). What was lost, and is not known to be
handled by every consumer, goes back to the unsent rows of the outbox. Consumers that have it drop it as a copy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime

import structlog
from nats.aio.client import Client
from sqlalchemy import text

from libs.chassis.db.columns import select
from libs.chassis.db.database import Database, Engine, transaction
from libs.chassis.db.tables import StreamLoss, StreamSeen
from libs.chassis.messaging import jetstream_api as api
from libs.chassis.telemetry import metrics

log = structlog.get_logger()

CHUNK = 2000
REPLAYED_AT_MOST = 3
"""A stream that an operator has limited in bytes would for ever lose what is published again."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A stream at one moment: its sequences, and by consumer the sequence up to which everything is handled."""

    stream: str
    created_at: datetime
    first_sequence: int
    last_sequence: int
    handled: Mapping[str, int]

    @property
    def handled_by_all(self) -> int:
        return min(self.handled.values(), default=0)


@dataclass(frozen=True, slots=True)
class Loss:
    """The sequences after `after` up to `until` are not in the stream any more."""

    after: int
    until: int


async def look(client: Client, stream: str) -> Seen:
    """The stream before its consumers: what they have handled is then never more than was there."""
    info = await api.stream_info(client, stream)
    last = info["state"]["last_seq"]
    return Seen(
        stream=stream,
        created_at=api.moment(info["created"]),
        first_sequence=info["state"]["first_seq"],
        last_sequence=last,
        handled={c["name"]: _handled(c, last) for c in await api.consumers_of(client, stream) if _is_durable(c)},
    )


def _is_durable(consumer: api.Json) -> bool:
    """Others are somebody's who only looks."""
    return bool(consumer["config"].get("durable_name"))


def _handled(consumer: api.Json, last: int) -> int:
    """Its floor stays behind at the last message that is for it: with nothing left it has handled them all."""
    floor: int = consumer["ack_floor"]["stream_seq"]
    return floor if consumer["num_pending"] or consumer["num_ack_pending"] else max(last, floor)


def compare(before: Seen, now: Seen, counted_twice_from: int | None) -> tuple[Seen, Loss | None]:
    """The stream as it is to be remembered, and what it has lost since.

    `counted_twice_from` is the first sequence that two facts were given, one before and one after it went back.
    """
    handled = before.handled_by_all
    if now.created_at != before.created_at:
        return _counted_anew(before, now, 0), _loss(handled, _END)
    purged = _loss(max(handled, before.first_sequence - 1), now.first_sequence - 1)
    went_back_to = _end_of_what_is_left(before, now, counted_twice_from)
    if went_back_to is not None:
        return _counted_anew(before, now, went_back_to), _loss(handled if purged else max(handled, went_back_to), _END)
    return replace(now, handled=_furthest(before.handled, now.handled)), purged


_END = 2**62
"""Later than every sequence: up to the end of the outbox."""


def _end_of_what_is_left(before: Seen, now: Seen, counted_twice_from: int | None) -> int | None:
    if counted_twice_from is not None:
        return counted_twice_from - 1
    return now.last_sequence if now.last_sequence < before.last_sequence else None


def _loss(after: int, until: int) -> Loss | None:
    return Loss(after, until) if until > after else None


def _furthest(before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, int]:
    """A consumer that is gone, or was made anew, has still handled what it had."""
    return {name: max(before.get(name, 0), now.get(name, 0)) for name in {**before, **now}}


def _counted_anew(before: Seen, now: Seen, kept: int) -> Seen:
    """What consumers had handled counts up to `kept`; after that the sequences mean other messages."""
    known = {name: min(sequence, kept) for name, sequence in before.handled.items()}
    return replace(now, handled=known)


SEEN = select(StreamSeen, "WHERE stream = :stream FOR UPDATE")
REMEMBER = text(
    """
    INSERT INTO stream_seen (stream, created_at, first_sequence, last_sequence, handled)
    VALUES (:stream, :created_at, :first_sequence, :last_sequence, CAST(:handled AS jsonb))
    ON CONFLICT (stream) DO UPDATE SET created_at = excluded.created_at, first_sequence = excluded.first_sequence,
        last_sequence = excluded.last_sequence, handled = excluded.handled
    """
)
COUNTED_TWICE = text(
    """
    SELECT min(sequence) FROM (
        SELECT sequence FROM outbox WHERE sequence BETWEEN :since AND :last GROUP BY sequence HAVING count(*) > 1) twice
    """
)
FIRST_LOSS = text(
    """
    SELECT id, after_sequence, until_sequence, expected, noticed_at FROM stream_losses
    WHERE made_good_at IS NULL ORDER BY id LIMIT 1 FOR UPDATE
    """
)
PUT_BACK = text(
    """
    UPDATE outbox SET sent_at = NULL, sequence = NULL, replays = replays + 1 WHERE position = ANY(ARRAY(
        SELECT position FROM outbox
        WHERE sequence > :after AND sequence <= :until AND sent_at < :noticed_at AND replays < :most
        ORDER BY position LIMIT :chunk))
    """
)
COUNTED = text("UPDATE stream_losses SET expected = expected - :found WHERE id = :id")
MADE_GOOD = text("UPDATE stream_losses SET made_good_at = now() WHERE id = :id")


async def note(db: Database, now: Seen) -> bool:
    """Remember the stream as it is, and what it has lost since it was last seen; whether it has lost anything."""
    row = await db.one(SEEN, {"stream": now.stream})
    if row is None:
        await db.execute(REMEMBER, _row(now))
        return False
    before = Seen(**row)
    remembered, loss = compare(before, now, await _counted_twice_from(db, before, now))
    if remembered != before:
        await db.execute(REMEMBER, _row(remembered))
    if loss is not None:
        expected = max(0, min(loss.until, before.last_sequence) - loss.after)
        await db.insert(
            StreamLoss, [{"after_sequence": loss.after, "until_sequence": loss.until, "expected": expected}]
        )
        log.error("stream_lost_messages", stream=now.stream, after=loss.after, messages=expected)
    return loss is not None


async def _counted_twice_from(db: Database, before: Seen, now: Seen) -> int | None:
    """First of what was sent since the last look: a stream that has gone back further gives its end of then again, too.
    Once it is known that there is any, of all that is not known to be handled: where it began."""
    since, last = before.last_sequence, now.last_sequence
    lately = await db.one(COUNTED_TWICE, {"since": since, "last": last})
    if last >= since and (lately is None or lately[0] is None):
        return None
    first = await db.one(COUNTED_TWICE, {"since": before.handled_by_all + 1, "last": max(since, last)})
    return first[0] if first is not None else None


def _row(seen: Seen) -> dict[str, object]:
    return {**asdict(seen), "handled": json.dumps(dict(seen.handled))}


async def put_back(engine: Engine, service: str) -> None:
    """Make every noted loss good, a chunk per transaction: the relay publishes what is unsent again."""
    while await _put_back_a_chunk(engine, service):
        pass


async def _put_back_a_chunk(engine: Engine, service: str) -> bool:
    """False when no loss is left."""
    async with transaction(engine) as db:
        loss = await db.one(FIRST_LOSS)
        if loss is None:
            return False
        found = await db.execute(
            PUT_BACK,
            {
                "after": loss.after_sequence,
                "until": loss.until_sequence,
                "noticed_at": loss.noticed_at,
                "most": REPLAYED_AT_MOST,
                "chunk": CHUNK,
            },
        )
        if found:
            await db.execute(COUNTED, {"id": loss.id, "found": found})
            return True
        await db.execute(MADE_GOOD, {"id": loss.id})
    if loss.expected > 0:
        metrics.LOST.labels(service).inc(loss.expected)
        log.error("facts_not_in_the_outbox", messages=loss.expected, what="lost by the stream, and not handled by all")
    return True
