"""Commands from HTTP and NATS: those that arrive together run in one transaction, and are answered after its commit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from asyncpg import DiskFullError, PostgresConnectionError, PostgresError

from libs.chassis.clock import Clock
from libs.chassis.db.database import Engine, is_held, is_outage, reason_of, transaction
from libs.chassis.handlers import Answer, Batch, CommandHandler, Done, EventRouter, Refused
from libs.chassis.handling.held_up import HeldUp, by_street, hurry
from libs.chassis.messaging import outbox
from libs.chassis.settings import ServiceSettings
from libs.chassis.telemetry import metrics
from libs.chassis.telemetry.failures import Failures
from libs.sentences import Sentence

log = structlog.get_logger()


class NotTakenNow(Exception):
    """The database cannot take it at present, or is too far behind: nothing was stored, send it again."""

    def __init__(self, why: Sentence, failing_seconds: float = 0.0) -> None:
        """`failing_seconds`: how long it has been so."""
        super().__init__(why.en)
        self.why = why
        self.failing_seconds = failing_seconds


def why_not_now(error: BaseException) -> Sentence:
    """An outage in words for whoever asked."""
    if is_held(error):
        return Sentence("有人正在修改同一内容，等待过久", "somebody else is changing the same for too long")
    if isinstance(error, DiskFullError):
        return Sentence("数据库磁盘已满", "the disk of the database is full")
    if isinstance(error, PostgresError) and not isinstance(error, PostgresConnectionError):
        return Sentence("数据库暂时不接受写入", "the database takes no changes at present")
    return Sentence("数据库无法连接", "the database cannot be reached")


@dataclass(frozen=True, slots=True)
class _Pending:
    command: Any
    answer: asyncio.Future[Answer]
    traceparent: str | None

    @property
    def street(self) -> str:
        """Empty where a command does not say, as those of reporters, who know but their tracking code."""
        return getattr(self.command, "tenant", "")


def _fail(group: Sequence[_Pending], error: Exception) -> None:
    for each in group:
        if not each.answer.done():
            each.answer.set_exception(error)


class Commands:
    """Runs commands in groups, one group of a handler at a time.

    A group is what arrived while the one before was committed, so a single command is not delayed.
    """

    def __init__(
        self,
        engine: Engine,
        router: EventRouter,
        clock: Clock,
        settings: ServiceSettings,
        failures: Failures,
        wake_relay: Callable[[], None],
        group_size: int,
        most_pending: int = 10_000,
    ) -> None:
        self._engine = engine
        self._router = router
        self._clock = clock
        self._settings = settings
        self._failures = failures
        self._held_up = HeldUp("commands", failures)
        self._wake_relay = wake_relay
        self._group_size = group_size
        self._most_pending = most_pending
        self._pending: dict[CommandHandler, list[_Pending]] = {handler: [] for handler in router.commands.values()}
        self._running: dict[CommandHandler, asyncio.Task[None]] = {}

    async def send(self, command: Any, traceparent: str | None = None) -> Answer:
        """The answer, given after the commit.

        Raises NotTakenNow when the command cannot be stored at present.
        """
        handler = self._router.commands[type(command)]
        pending = self._pending[handler]
        if len(pending) >= self._most_pending:
            raise NotTakenNow(Sentence("排队的请求过多", "too many requests are waiting"))
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        pending.append(_Pending(command, answer, traceparent))
        if handler not in self._running:
            self._running[handler] = asyncio.create_task(self._run(handler))
        return await answer

    async def finish(self) -> None:
        """Wait until every command that was sent has its answer."""
        while self._running:
            await asyncio.gather(*self._running.values())

    async def _run(self, handler: CommandHandler) -> None:
        pending = self._pending[handler]
        try:
            while pending:
                group, pending[:] = pending[: self._group_size], pending[self._group_size :]
                for part, hasty in self._held_up.parts(group):
                    await self._bisect(handler, part, hasty)
        finally:
            del self._running[handler]

    async def _bisect(self, handler: CommandHandler, group: Sequence[_Pending], hasty: bool) -> None:
        """Each is answered, if need be with an error."""
        started = time.perf_counter()
        group = [p for p in group if not p.answer.cancelled()]
        if not group:
            return
        try:
            answers = await self._in_one_transaction(handler, group, hasty)
        except Exception as error:
            if is_outage(error):
                await self._not_taken(handler, group, error)
            elif len(group) > 1:
                middle = len(group) // 2
                await self._bisect(handler, group[:middle], hasty)
                await self._bisect(handler, group[middle:], hasty)
            else:
                _fail(group, error)
            return
        self._failures.succeeded("commands")
        for each, answer in answers:
            if not each.answer.done():
                each.answer.set_result(answer)
        seconds = time.perf_counter() - started
        metrics.BATCH_SECONDS.labels(self._router.service, "commands").observe(seconds)
        refused = sum(isinstance(answer, Refused) for _, answer in answers)
        log.info(
            "commands_answered",
            handler=_name(handler),
            size=len(group),
            refused=refused,
            milliseconds=round(seconds * 1000, 1),
        )

    async def _not_taken(self, handler: CommandHandler, group: Sequence[_Pending], error: Exception) -> None:
        """Of several streets that are held up, each is tried by itself: a lock is seldom in the way of all."""
        streets = by_street(group)
        if not is_held(error):
            self._failures.failed("commands", reason_of(error))
            failing_seconds = self._failures.seconds("commands")
        elif len(streets) == 1:
            self._held_up.add(group[0].street, reason_of(error))
            failing_seconds = self._held_up.seconds(group[0].street)
        else:
            for part in streets.values():
                await self._bisect(handler, part, hasty=True)
            return
        _fail(group, NotTakenNow(why_not_now(error), failing_seconds))

    async def _in_one_transaction(
        self, handler: CommandHandler, group: Sequence[_Pending], hasty: bool
    ) -> list[tuple[_Pending, Answer]]:
        """In haste it waits for no lock."""
        batch = Batch([p.command for p in group], self._clock.now(), self._settings)
        async with transaction(self._engine) as db:
            if hasty:
                await hurry(db)
            answers = list(zip(group, await handler(batch, db), strict=True))
            facts = [
                (event, outbox.Cause(traceparent=each.traceparent))
                for each, answer in answers
                if isinstance(answer, Done)
                for event in answer.events
            ]
            await outbox.record(db, facts)
        if facts:
            self._wake_relay()
        return answers


def _name(handler: CommandHandler) -> str:
    return getattr(handler, "__name__", "?")
