"""People who claim an order when it is offered, hand it in and have it checked, each at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from itertools import cycle
from types import TracebackType
from typing import Any, Self

import asyncpg
import nats
from nats.aio.msg import Msg

from deploy.local.local_street import TENANT
from tests.bench.load import Connections, post
from tests.bench.place import PATIENCE_SECONDS, Place

UNDER_WAY = 400
BUSY_SECONDS = 0.2
"""Everybody who is asked has as many open orders as they may have: they are asked again."""
OFFERED = f"wangge.{TENANT}.dispatch.offered.v1"
DESK = "SELECT member_id FROM members WHERE tenant = $1 AND kind = 'full_time' ORDER BY member_id"


class Refused(Exception):
    """A service did not do what it must; the argument is the request and the answer."""


class People:
    """They hear of offers as the app does, from the facts on the bus."""

    def __init__(self, place: Place, reports: Sequence[bytes]) -> None:
        self.refused = 0
        self._place, self._left, self._size = place, iter(reports), len(reports)
        self._checked = 0
        self._all = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    async def __aenter__(self) -> Self:
        db = await asyncpg.connect(self._place.street.database_url("dispatch"))
        self._checkers = cycle([row["member_id"] for row in await db.fetch(DESK, TENANT)])
        await db.close()
        self._incident = await Connections.open(self._place.port("incident"))
        self._dispatch = await Connections.open(self._place.port("dispatch"))
        self._nats = await nats.connect(self._place.nats_url)
        await self._nats.subscribe(OFFERED, cb=self._hear, pending_msgs_limit=-1, pending_bytes_limit=-1)
        await self._nats.flush()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await self._nats.close()
        self._incident.close()
        self._dispatch.close()

    async def all_checked(self) -> None:
        """Raises the first failure of anybody, and TimeoutError when nothing comes to its end."""
        for _ in range(UNDER_WAY):
            self._report_next()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._all.wait()
        if self._failure is not None:
            raise self._failure

    def _report_next(self) -> None:
        if (request := next(self._left, None)) is not None:
            self._do(self._report(request))

    async def _report(self, request: bytes) -> None:
        status, body = await self._incident.ask(request)
        if status != 201:
            raise Refused(f"report: {status} {body!r}")

    async def _hear(self, message: Msg) -> None:
        offered = json.loads(message.data)
        self._do(self._work(offered["order_id"], offered["offered_to"]))

    async def _work(self, order_id: str, offered_to: Sequence[str]) -> None:
        member = await self._claim(order_id, offered_to)
        await self._must(order_id, "hand-in", member, note="done", photos=["photo-after"])
        checker = next(c for c in self._checkers if c != member)
        await self._must(order_id, "check", checker, passed=True)
        self._checked += 1
        self._report_next()
        if self._checked == self._size:
            self._all.set()

    async def _claim(self, order_id: str, offered_to: Sequence[str]) -> str:
        while True:
            for member in offered_to:
                if await self._ask(order_id, "claim", member) == 200:
                    return member
                self.refused += 1
            await asyncio.sleep(BUSY_SECONDS)

    async def _must(self, order_id: str, verb: str, member: str, **more: Any) -> None:
        if (status := await self._ask(order_id, verb, member, **more)) != 200:
            raise Refused(f"{verb} of {order_id} by {member}: {status}")

    async def _ask(self, order_id: str, verb: str, member: str, **more: Any) -> int:
        body = json.dumps({"tenant": TENANT, "member_id": member, **more}).encode()
        status, _ = await self._dispatch.ask(post(f"/v1/orders/{order_id}/{verb}", body))
        return status

    def _do(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._failure = self._failure or failure
            self._all.set()
