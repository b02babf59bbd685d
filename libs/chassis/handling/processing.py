"""One batch of messages, one transaction: copies dropped, handlers run, facts recorded, then committed.

When that fails the batch is bisected until the message that fails is alone. It is stored for a retry, and the others
are handled.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import text

from libs.chassis.clock import Clock
from libs.chassis.db.database import Database, Engine, autocommit, is_held, is_outage, reason_of, transaction
from libs.chassis.db.tables import Inbox
from libs.chassis.handlers import Batch, EventHandler, EventRouter
from libs.chassis.handling import retries
from libs.chassis.handling.held_up import HeldUp, by_street, hurry
from libs.chassis.handling.retries import RetryEntry
from libs.chassis.messaging import outbox
from libs.chassis.settings import ServiceSettings
from libs.chassis.telemetry import metrics, traces
from libs.chassis.telemetry.failures import Failures
from libs.contracts import cloudevents
from libs.contracts.cloudevents import Envelope, NotAMessage
from libs.contracts.message import Event, Message

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Received:
    message: Message
    envelope: Envelope
    attempts: int
    kept_as: UUID | None
    """Where it waits in `retries`, when it does."""

    @property
    def street(self) -> str:
        return self.message.tenant


def in_waves(
    messages: Sequence[Message], handlers: Mapping[type[Message], EventHandler]
) -> list[tuple[EventHandler, list[Message]]]:
    """Groups of messages that one handler takes. Handled one after the other, they keep the order of each aggregate.

    Of an aggregate a group has one type: what follows from its steps is told of each step, not of the last one.
    """
    waves: dict[tuple[int, EventHandler], list[Message]] = {}
    level_of: dict[str, tuple[int, type[Message]]] = {}
    for message in messages:
        before = [level_of[aggregate] for aggregate in message.concerns if aggregate in level_of]
        level = max((level + (last is not type(message)) for level, last in before), default=0)
        level_of.update(dict.fromkeys(message.concerns, (level, type(message))))
        waves.setdefault((level, handlers[type(message)]), []).append(message)
    return [(key[1], waves[key]) for key in sorted(waves, key=lambda key: key[0])]


class Processor:
    """Handles messages from NATS, and those that are due for a retry, for one service."""

    def __init__(
        self,
        engine: Engine,
        router: EventRouter,
        clock: Clock,
        settings: ServiceSettings,
        tracing: traces.Telemetry,
        failures: Failures,
        wake_relay: Callable[[], None],
        handled: Callable[[], None] = lambda: None,
    ) -> None:
        """`wake_relay` is called after a commit with facts, `handled` after each with new messages."""
        self._engine = engine
        self._router = router
        self._clock = clock
        self._settings = settings
        self._tracing = tracing
        self._wake_relay = wake_relay
        self._handled = handled
        self._held_up = HeldUp("messages", failures)

    async def process(self, envelopes: Sequence[Envelope]) -> set[int]:
        """When this returns each message is handled, stored for a retry, or parked, and may be acknowledged, but for
        those at the places that are returned: a lock of somebody else is in their way.

        Raises when the database cannot be reached. Then nothing may be acknowledged; messages of the batch that were
        handled before are dropped as copies when they are delivered again.
        """
        held = await self._process([(e, 0, None) for e in envelopes], "messages")
        return {place for place, envelope in enumerate(envelopes) if id(envelope) in held}

    async def process_due(self, limit: int) -> int:
        """Handle up to `limit` messages whose retry is due; the number of them."""
        async with autocommit(self._engine) as db:
            due = await retries.lease_due(db, limit)
        if due:
            await self._process([(each.envelope, each.attempts, each.id) for each in due], "retries")
        return len(due)

    async def _process(self, tried: Sequence[tuple[Envelope, int, UUID | None]], kind: str) -> set[int]:
        """Each envelope with the number of earlier attempts, and its id in `retries` if it is there. The identities of
        the envelopes that are held up."""
        started = time.perf_counter()
        received: dict[UUID, Received] = {}
        for e, attempts, kept_as in tried:
            try:
                message = cloudevents.decode(e.subject, e.headers, e.body)
                if type(message) not in self._router.events:
                    raise NotAMessage(f"{type(message).__name__} has no handler in {self._router.service}")
                received.setdefault(message.id, Received(message, e, attempts, kept_as))
            except NotAMessage as error:
                # Stored under a hash of its content: the id that it claims may be that of a valid message.
                await self._keep(RetryEntry(kept_as or e.content_id(), e, attempts + 1, str(error)), None)
        held: list[Received] = []
        for part, hasty in self._held_up.parts(list(received.values())):
            held += await self._bisect(part, hasty)
        seconds = time.perf_counter() - started
        metrics.BATCH_SECONDS.labels(self._router.service, kind).observe(seconds)
        log.info("batch_handled", kind=kind, size=len(tried), held_up=len(held), milliseconds=round(seconds * 1000, 1))
        return {id(item.envelope) for item in held}

    async def _bisect(self, items: list[Received], hasty: bool) -> list[Received]:
        """The items that are held up."""
        if not items:
            return []
        try:
            await self._in_one_transaction(items, hasty)
        except Exception as error:
            if is_held(error):
                return await self._go_around(items, error)
            if is_outage(error):
                raise
            if len(items) > 1:
                middle = len(items) // 2
                return await self._bisect(items[:middle], hasty) + await self._bisect(items[middle:], hasty)
            kept = _entry(items[0], reason_of(error))
            await self._keep(kept, retries.delay_after(kept.attempts, waiting=False))
        return []

    async def _go_around(self, items: list[Received], error: Exception) -> list[Received]:
        """A lock of somebody else is in the way: whose street it is of is held up, and the others go on."""
        streets = by_street(items)
        if len(streets) == 1:
            self._held_up.add(items[0].street, reason_of(error))
            return items
        held = []
        for part in streets.values():
            held += await self._bisect(part, hasty=True)
        return held

    async def _in_one_transaction(self, items: Sequence[Received], hasty: bool) -> None:
        """Handle the items in one transaction, or none of them. In haste it waits for no lock."""
        by_id = {item.message.id: item for item in items}
        spans = self._tracing.spans(self._router.service, {id: i.envelope for id, i in by_id.items()})
        try:
            async with transaction(self._engine) as db:
                if hasty:
                    await hurry(db)
                new = set(
                    await db.insert(
                        Inbox,
                        [{"message_id": id} for id in sorted(by_id)],
                        skip_existing=True,
                        returning="message_id",
                    )
                )
                await retries.delete(db, [item.kept_as for item in items if item.kept_as is not None])
                fresh = [item.message for item in items if item.message.id in new]
                waiting, told = await self._handle(db, fresh, spans)
                await self._wait(db, [(by_id[message.id], reason) for message, reason in waiting])
        finally:
            spans.end()
        if told:
            self._wake_relay()
        if fresh:
            self._handled()
        service, late = self._router.service, {message.id for message, _ in waiting}
        metrics.count(service, "waiting", (m.type_name() for m, _ in waiting))
        metrics.count(service, "handled", (m.type_name() for m in fresh if m.id not in late))
        metrics.count(service, "copy", (i.message.type_name() for id, i in by_id.items() if id not in new))

    async def _handle(
        self, db: Database, messages: Sequence[Message], spans: traces.Spans
    ) -> tuple[list[tuple[Message, str]], bool]:
        """Run the handlers and record their facts; the postponed messages with reasons, and whether facts followed."""
        waiting: list[tuple[Message, str]] = []
        facts: list[tuple[Event, outbox.Cause]] = []
        now = self._clock.now()
        for handler, wave in in_waves(messages, self._router.events):
            batch = Batch(wave, now, self._settings, lambda message: spans.traceparent(message.id))
            events = await handler(batch, db)
            waiting += [(m, batch.postponed[id(m)]) for m in wave if id(m) in batch.postponed]
            causes = outbox.Causes(wave, spans.traceparent)
            facts += [(event, causes.of(event)) for event in events]
        await outbox.record(db, facts)
        return waiting, bool(facts)

    async def _wait(self, db: Database, waiting: Sequence[tuple[Received, str]]) -> None:
        if not waiting:
            return
        await db.execute(FORGET_INBOX, {"ids": [item.message.id for item, _ in waiting]})
        for item, reason in waiting:
            kept = _entry(item, reason)
            await retries.store(db, kept, retries.delay_after(kept.attempts, waiting=True))

    async def _keep(self, kept: RetryEntry, delay: timedelta | None) -> None:
        async with transaction(self._engine) as db:
            await retries.store(db, kept, delay)
        outcome = "parked" if delay is None else "retry"
        metrics.count(self._router.service, outcome, [kept.envelope.headers.get("ce-type", "unknown")])
        log.warning("message_kept", outcome=outcome, event_id=str(kept.id), attempts=kept.attempts, reason=kept.reason)


FORGET_INBOX = text("DELETE FROM inbox WHERE message_id = ANY(:ids)")


def _entry(item: Received, reason: str) -> RetryEntry:
    """The entry in `retries` after one more failed attempt."""
    return RetryEntry(item.kept_as or item.message.id, item.envelope, item.attempts + 1, reason)
