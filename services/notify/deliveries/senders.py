"""The senders: due deliveries are leased and committed, then sent, and then their results are recorded."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

import structlog
from opentelemetry.trace import SpanKind

from libs.chassis.db.database import Database, Record, autocommit, transaction
from libs.chassis.messaging import outbox
from libs.chassis.service import Service
from libs.contracts.message import Event
from libs.contracts.notify import NotificationDelivered, NotificationFailed, NotificationSuppressed
from libs.contracts.values import Channel
from services.notify.channels.clients import clients
from services.notify.channels.domain import NotSent, NotTaken, Outcome, Outgoing
from services.notify.deliveries import tables as deliveries
from services.notify.deliveries.domain import Again, Ended, next_step
from services.notify.recipients import vault
from services.notify.recipients.domain.reach import ERASED, NO_ADDRESS
from services.notify.settings import Settings
from services.notify.wording.rendering import render, tracking_link, values

log = structlog.get_logger()

BATCH_SIZE = 100
BUSY_SECONDS = 0.02
"""Pause between two turns while attempts run: results are recorded and places filled by the dozen, not one by one."""
LAST_SECONDS = 10.0
"""Time that running attempts have at a stop; what is cut off is sent again after its lease, with the same id."""


@dataclass(frozen=True, slots=True)
class _Attempted:
    delivery: Record
    outcome: Outcome


class Senders:
    """Keeps its attempts and their results when the database is gone for a while: `run` is called again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clients = clients(settings)
        self._running: dict[asyncio.Task[Outcome], Record] = {}
        self._attempted: list[_Attempted] = []

    async def run(self, service: Service) -> None:
        try:
            while True:
                service.handled.clear()
                leased = await self._lease(service)
                await self._record(service)
                if leased < BATCH_SIZE:
                    await self._rest(service)
        except asyncio.CancelledError:
            await self._finish(service)
            raise

    async def _rest(self, service: Service) -> None:
        """Until there may be work: woken by what this process queued, or by the clock for all other deliveries."""
        pause = BUSY_SECONDS if self._running else self._settings.send_poll_seconds
        with suppress(TimeoutError):
            await asyncio.wait_for(service.handled.wait(), pause)

    async def _lease(self, service: Service) -> int:
        """Start attempts for due deliveries, as far as there are places; the number of them."""
        taken = Counter(Channel(delivery.channel) for delivery in self._running.values())
        places = {channel: client.connections - taken[channel] for channel, client in self._clients.items()}
        free = {channel: min(BATCH_SIZE, left) for channel, left in places.items() if left > 0}
        if service.draining or not free or not self._settings.sending:
            return 0
        async with autocommit(service.engine) as db:
            leased = await deliveries.lease(db, free, service.clock.now())
        for delivery in leased:
            task = asyncio.create_task(self._traced(delivery, service))
            self._running[task] = delivery
            task.add_done_callback(self._ended)
        return len(leased)

    def _ended(self, task: asyncio.Task[Outcome]) -> None:
        delivery = self._running.pop(task)
        if task.cancelled():
            return
        fault = task.exception()
        # A fault of this service: the delivery is tried again as if the channel had failed, and ends at last.
        outcome = NotTaken(f"fault: {type(fault).__name__}") if fault is not None else task.result()
        self._attempted.append(_Attempted(delivery, outcome))

    async def _traced(self, delivery: Record, service: Service) -> Outcome:
        """The last span of the trace that began with the report; a delivery without a trace begins none."""
        if delivery.traceparent is None:
            return await self._attempt(delivery)
        with service.telemetry.span(f"send {delivery.channel}", delivery.traceparent, SpanKind.CLIENT):
            return await self._attempt(delivery)

    async def _attempt(self, delivery: Record) -> Outcome:
        if delivery.key is None and delivery.erased_at is not None:
            return NotSent(ERASED)
        client = self._clients[Channel(delivery.channel)]
        address = vault.decrypt(delivery.key, delivery.ciphertext).get(client.address.name)
        if address is None:
            return NotSent(NO_ADDRESS)
        tracking = vault.decrypt(delivery.key, delivery.tracking)
        link = tracking_link(self._settings.public_url, tracking.get("tracking_code"))
        said = values(delivery.parameters, case_no=delivery.case_no, link=link, map_template=self._settings.map_link)
        outgoing = Outgoing(
            delivery_id=delivery.delivery_id,
            template=delivery.template,
            case_id=delivery.case_id,
            case_no=said["case_no"],
            occurred_at=delivery.occurred_at,
            message=render(delivery.language, delivery.template, said),
            link=link,
        )
        return await client.send(address, outgoing)

    async def _record(self, service: Service) -> None:
        """The results so far, with the facts that follow, in one transaction for each batch of them."""
        while self._attempted:
            batch = self._attempted[:BATCH_SIZE]
            async with transaction(service.engine) as db:
                counts = await _record(db, batch, service.clock.now())
            del self._attempted[: len(batch)]
            service.relay.wake()
            log.info("deliveries_attempted", size=len(batch), **counts)

    async def _finish(self, service: Service) -> None:
        if self._running:
            await asyncio.wait(self._running, timeout=LAST_SECONDS)
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._record(service)
        for client in self._clients.values():
            client.close()


async def _record(db: Database, batch: Sequence[_Attempted], now: datetime) -> dict[str, int]:
    """How many were delivered, failed, suppressed and queued again."""
    decided = [(a.delivery, next_step(a.outcome, a.delivery.attempts)) for a in batch]
    counted = await deliveries.record(db, [deliveries.Result(d.delivery_id, d.attempts, what) for d, what in decided])
    facts: list[tuple[Event, outbox.Cause]] = []
    counts: Counter[str] = Counter()
    for delivery, decision in decided:
        if delivery.delivery_id not in counted:
            continue
        counts[decision.state if isinstance(decision, Ended) else "queued"] += 1
        match decision:
            case Ended():
                cause = outbox.Cause(delivery.correlation_id, delivery.traceparent)
                facts.append((_fact(delivery, decision, now), cause))
            case Again():
                pass
            case _:
                assert_never(decision)
    await outbox.record(db, facts)
    return dict(counts)


def _fact(delivery: Record, ended: Ended, now: datetime) -> Event:
    about = {
        "tenant": delivery.tenant,
        "occurred_at": now,
        "delivery_id": delivery.delivery_id,
        "cause_id": delivery.event_id,
        "case_id": delivery.case_id,
        "recipient_id": delivery.recipient_id,
        "channel": delivery.channel,
    }
    if ended.state == "delivered":
        return NotificationDelivered(**about)
    if ended.state == "failed":
        return NotificationFailed(**about, reason=ended.reason or "")
    return NotificationSuppressed(**about, reason=ended.reason or "")
