"""A running service: its consumers, relay, sweeps and HTTP server around one database and one broker connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from types import MappingProxyType

import structlog
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from faststream.nats import NatsBroker
from opentelemetry.sdk.trace.export import SpanExporter
from starlette.routing import BaseRoute

from libs.chassis import health, housekeeping, http
from libs.chassis.clock import Clock
from libs.chassis.db.database import connect, reason_of
from libs.chassis.handlers import EventRouter
from libs.chassis.handling.bus_commands import answer_over_bus
from libs.chassis.handling.commands import Commands
from libs.chassis.handling.processing import Processor
from libs.chassis.handling.timers import TimerSweep
from libs.chassis.messaging import topology
from libs.chassis.messaging.faststream_internals import client_of
from libs.chassis.messaging.relay import Relay
from libs.chassis.messaging.subscriber import BatchPuller, subscribe
from libs.chassis.messaging.upkeep import Upkeep
from libs.chassis.settings import ServiceSettings
from libs.chassis.telemetry import logs
from libs.chassis.telemetry.failures import Failures
from libs.chassis.telemetry.traces import Telemetry

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
        background: Mapping[str, Background] = MappingProxyType({}),
        body_bytes: Mapping[str, int] = MappingProxyType({}),
        span_exporter: SpanExporter | None = None,
    ) -> None:
        self.name = router.service
        self.settings = settings
        self.router = router
        self.clock = Clock(settings.clock_epoch, settings.clock_speed)
        self.telemetry = Telemetry(self.name, settings, span_exporter)
        self.failures = Failures(self.name)
        self.engine = connect(
            settings.database_url,
            settings.database_pool_size,
            free_seconds=settings.database_free_seconds,
            lock_seconds=settings.database_lock_seconds,
        )
        self.broker = NatsBroker(
            settings.nats_url.split(","),
            name=self.name,
            max_reconnect_attempts=-1,
            reconnect_time_wait=1,
            ping_interval=PING_SECONDS,
            max_outstanding_pings=2,
            graceful_timeout=settings.graceful_timeout_seconds,
            logger=None,
            error_cb=self._broker_failed,
            reconnected_cb=self._broker_is_back,
        )
        self.upkeep = Upkeep(
            self.engine, self.broker, self.name, self._subjects(), settings.stream_replicas, settings.service_replicas
        )
        self.relay = Relay(self.engine, self.broker, self.name, settings.relay_batch_size, settings.relay_poll_seconds)
        self.handled = asyncio.Event()
        self.processor = Processor(
            self.engine, router, self.clock, settings, self.telemetry, self.failures, self.relay.wake, self.handled.set
        )
        self.timers = TimerSweep(self.engine, router, self.clock, settings, self.failures, self.relay.wake)
        self.commands = Commands(
            self.engine, router, self.clock, settings, self.failures, self.relay.wake, settings.group_commit_size
        )
        self.subscribers = self._subscribers()
        answer_over_bus(self.broker, router, self.commands, self.telemetry)
        self.draining = False
        self._ended = False
        self._background = background
        self.app = self._app(routes, body_bytes)

    def _subscribers(self) -> list[BatchPuller]:
        size, process = self.settings.batch_size, self.processor.process
        return [
            subscribe(self.broker, stream, self.name, size, process, self.failures, self.upkeep.wake)
            for stream in self._subjects()
        ]

    def _subjects(self) -> dict[str, list[str]]:
        """Of the facts that the service handles, by stream."""
        read = topology.consumers({self.name: list(self.router.events)})
        return {stream: subjects for stream, _, subjects in sorted(read)}

    def _app(self, routes: Sequence[BaseRoute], body_bytes: Mapping[str, int]) -> FastAPI:
        # Routes and not routers: for each request FastAPI would ask every router that is included, a tenth of its time.
        answered = [*routes, *health.router(self).routes]
        title = f"Wangge {self.name}"
        # Without /redoc, whose script loads a picture from another site.
        app = FastAPIOffline(title=title, version="1", lifespan=self._lifespan, routes=answered, redoc_url=None)
        app.state.engine, app.state.commands, app.state.telemetry = self.engine, self.commands, self.telemetry
        app.state.clock, app.state.settings, app.state.broker = self.clock, self.settings, self.broker
        http.install(app, self.name, body_bytes, self.settings.request_seconds, self.failures)
        return app

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        logs.configure(self.name, self.settings.log_level)
        work = [
            self._messaging(),
            self._for_ever("sweep", self._sweep, self.settings.sweep_seconds),
            self._for_ever("housekeeping", lambda: housekeeping.tidy(self.engine, self.name), HOUSEKEEPING_SECONDS),
            *(
                self._for_ever(name, partial(each, self), REST_AFTER_ERROR_SECONDS)
                for name, each in self._background.items()
            ),
        ]
        tasks = [asyncio.create_task(each) for each in work]
        log.info("started")
        try:
            yield
        finally:
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
                    await self._succeeds("relay", self.relay.drain)
        # Before Python 3.12 `asyncio.wait_for`, which nats-py waits with, now and then swallows a cancellation.
        self._ended = True
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._succeeds("leaving the broker", self.broker.stop)
        await self.engine.close()
        self.telemetry.stop()

    @property
    def broker_connected(self) -> bool:
        client = client_of(self.broker)
        return client is not None and client.is_connected

    async def _messaging(self) -> None:
        """Connect to NATS, however long it takes, then relay. Until then facts of requests wait in the outbox."""
        while not await self._succeeds("broker", self.broker.connect):
            await asyncio.sleep(REST_AFTER_ERROR_SECONDS)
            if self._ended:
                return
        await self._succeeds("upkeep", self.upkeep.turn)
        await self.broker.start()
        await asyncio.gather(self._relay(), self._keep_up())

    async def _relay(self) -> None:
        while not self._ended:
            if not await self._succeeds("relay", self.relay.drain):
                self.upkeep.wake()
                await asyncio.sleep(REST_AFTER_ERROR_SECONDS)
            await self.relay.wait()

    async def _keep_up(self) -> None:
        while not self._ended:
            await self.upkeep.wait()
            if self.broker_connected:
                await self._succeeds("upkeep", self.upkeep.turn)

    async def _sweep(self) -> None:
        limit = self.settings.batch_size
        while await self.timers.fire_due(limit) + await self.processor.process_due(limit) >= limit:
            pass

    async def _for_ever(self, name: str, work: Callable[[], Awaitable[None]], pause_seconds: float) -> None:
        while not self._ended:
            await self._succeeds(name, work)
            await asyncio.sleep(pause_seconds)

    async def _succeeds(self, name: str, work: Callable[[], Awaitable[object]]) -> bool:
        """False when it raised, which is told, so that the loop around it goes on."""
        try:
            await work()
        except Exception as error:
            self.failures.failed(name, reason_of(error))
            return False
        self.failures.succeeded(name)
        return True

    async def _broker_failed(self, error: Exception) -> None:
        if self.broker_connected:
            log.warning("broker_error", reason=reason_of(error))
        else:
            self.failures.failed("broker", reason_of(error))

    async def _broker_is_back(self) -> None:
        self.failures.succeeded("broker")
        self.upkeep.wake()
