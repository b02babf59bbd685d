"""A running service: its consumers, relay, sweeps and HTTP server around one database and one broker connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from types import MappingProxyType

import structlog
from fastapi import FastAPI
from faststream.nats import NatsBroker
from opentelemetry.sdk.trace.export import SpanExporter
from starlette.routing import BaseRoute

from libs.chassis import health, housekeeping, http
from libs.chassis.clock import Clock
from libs.chassis.db.database import connect
from libs.chassis.handlers import EventRouter
from libs.chassis.handling.bus_commands import answer_over_bus
from libs.chassis.handling.commands import Commands
from libs.chassis.handling.processing import Processor
from libs.chassis.handling.timers import TimerSweep
from libs.chassis.messaging.faststream_internals import client_of
from libs.chassis.messaging.relay import Relay
from libs.chassis.messaging.subscriber import BatchPuller, subscribe
from libs.chassis.settings import ServiceSettings
from libs.chassis.telemetry import logs
from libs.chassis.telemetry.traces import Telemetry
from libs.contracts import streams

log = structlog.get_logger()

HOUSEKEEPING_SECONDS = 15.0
REST_AFTER_ERROR_SECONDS = 1.0
PING_SECONDS = 3
"""A connection whose pings stay unanswered for three of these is dropped for another server; nats-py's default is six
minutes."""

Background = Callable[["Service"], Awaitable[None]]
"""Work that runs as long as the service, such as notify's senders; cancelled when it stops."""


class Service:
    """One process of a service, of which any number may run.

    `handled` is set after each commit of new messages: background work that depends on them waits for it.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        router: EventRouter,
        routes: Sequence[BaseRoute],
        *,
        background: Sequence[Background] = (),
        body_bytes: Mapping[str, int] = MappingProxyType({}),
        span_exporter: SpanExporter | None = None,
    ) -> None:
        self.name = router.service
        self.settings = settings
        self.router = router
        self.clock = Clock(settings.clock_epoch, settings.clock_speed)
        self.telemetry = Telemetry(self.name, settings, span_exporter)
        self.engine = connect(settings.database_url, settings.database_pool_size)
        self.broker = NatsBroker(
            settings.nats_url.split(","),
            name=self.name,
            max_reconnect_attempts=-1,
            reconnect_time_wait=1,
            ping_interval=PING_SECONDS,
            max_outstanding_pings=2,
            graceful_timeout=settings.graceful_timeout_seconds,
            logger=None,
            error_cb=_nats_error,
        )
        self.relay = Relay(self.engine, self.broker, self.name, settings.relay_batch_size, settings.relay_poll_seconds)
        self.handled = asyncio.Event()
        self.processor = Processor(self.engine, router, self.clock, self.telemetry, self.relay.wake, self.handled.set)
        self.timers = TimerSweep(self.engine, router, self.clock, self.relay.wake)
        self.commands = Commands(self.engine, router, self.clock, self.relay.wake, settings.group_commit_size)
        self.subscribers = self._subscribers()
        answer_over_bus(self.broker, router, self.commands, self.telemetry)
        self.draining = False
        self._ended = False
        self._background = background
        self.app = self._app(routes, body_bytes)

    def _subscribers(self) -> list[BatchPuller]:
        producers = sorted({event.service for event in self.router.events})
        return [
            subscribe(self.broker, streams.stream_name(p), self.name, self.settings.batch_size, self.processor.process)
            for p in producers
        ]

    def _app(self, routes: Sequence[BaseRoute], body_bytes: Mapping[str, int]) -> FastAPI:
        # Routes and not routers: for each request FastAPI would ask every router that is included, a tenth of its time.
        answered = [*routes, *health.router(self).routes]
        app = FastAPI(title=f"Wangge {self.name}", version="1", lifespan=self._lifespan, routes=answered)
        app.state.engine, app.state.commands, app.state.telemetry = self.engine, self.commands, self.telemetry
        app.state.clock, app.state.settings = self.clock, self.settings
        http.install(app, self.name, body_bytes)
        return app

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        logs.configure(self.name, self.settings.log_level)
        work = [
            self._messaging(),
            self._for_ever(self._sweep, self.settings.sweep_seconds),
            self._for_ever(lambda: housekeeping.tidy(self.engine, self.name), HOUSEKEEPING_SECONDS),
            *(self._for_ever(partial(each, self), REST_AFTER_ERROR_SECONDS) for each in self._background),
        ]
        tasks = [asyncio.create_task(each) for each in work]
        log.info("started")
        yield
        await self._stop(tasks)
        log.info("stopped")

    async def _stop(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        """Accept nothing new, finish running work within the graceful timeout, and publish the outbox."""
        self.draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(self.settings.graceful_timeout_seconds):
                await self.commands.finish()
                await asyncio.gather(*(subscriber.finish() for subscriber in self.subscribers))
                if self.broker_connected:
                    await self._quietly(self.relay.drain)
        # Before Python 3.12 `asyncio.wait_for`, which nats-py waits with, now and then swallows a cancellation.
        self._ended = True
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.broker.stop()
        await self.engine.close()
        self.telemetry.stop()

    @property
    def broker_connected(self) -> bool:
        client = client_of(self.broker)
        return client is not None and client.is_connected

    async def _messaging(self) -> None:
        """Connect to NATS, however long it takes, then relay. Until then facts of requests wait in the outbox."""
        while not await self._quietly(self.broker.start):
            await asyncio.sleep(REST_AFTER_ERROR_SECONDS)
            if self._ended:
                return
        while not self._ended:
            if not await self._quietly(self.relay.drain):
                await asyncio.sleep(REST_AFTER_ERROR_SECONDS)
            await self.relay.wait()

    async def _sweep(self) -> None:
        limit = self.settings.batch_size
        while await self.timers.fire_due(limit) + await self.processor.process_due(limit) >= limit:
            pass

    async def _for_ever(self, work: Callable[[], Awaitable[None]], pause_seconds: float) -> None:
        while not self._ended:
            await self._quietly(work)
            await asyncio.sleep(pause_seconds)

    async def _quietly(self, work: Callable[[], Awaitable[object]]) -> bool:
        """False when it raised, which is logged, so that the loop around it goes on."""
        try:
            await work()
        except Exception as error:
            log.warning("work_failed", work=getattr(work, "__qualname__", "?"), error=type(error).__name__)
            return False
        return True


async def _nats_error(error: Exception) -> None:
    logging.getLogger("wangge.nats").warning("%s", type(error).__name__)
