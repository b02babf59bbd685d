"""People who claim an order when it is offered, hand it in, and check it when they are sent, each at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import asyncpg
import nats
from nats.aio.msg import Msg

from deploy.local.system import TENANT
from tests.bench.load import Connections, post
from tests.bench.place import PATIENCE_SECONDS, Place, ids_from_now_on

UNDER_WAY = 400
BUSY_SECONDS = 0.2
"""Everybody who is asked has as many open orders as they may have: they are asked again."""
SUBJECTS = f"wangge.{TENANT}.dispatch.%s.v1"
MEMBERS = "SELECT org_id, member_id FROM members WHERE tenant = $1 ORDER BY member_id"


Fact = Mapping[str, Any]
Work = Callable[[Fact], Coroutine[Any, Any, None]]


class Refused(Exception):
    """A service did not do what it must; the argument is the request and the answer."""


class People:
    """They hear of offers and of what they shall check as the app does, from the facts on the bus."""

    def __init__(self, place: Place, port: Callable[[str], int], reports: Sequence[bytes]) -> None:
        """`port` of a service; it may be another than the place's, which knows the members all the same."""
        self.refused = 0
        self._place, self._port, self._left, self._size = place, port, iter(reports), len(reports)
        self._members: dict[str, list[str]] = {}
        self._handlers: dict[str, str] = {}
        self._heard: set[str] = set()
        self._since = str(ids_from_now_on())
        self._checked = 0
        self._all = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    async def __aenter__(self) -> Self:
        db = await asyncpg.connect(self._place.street.database_url("dispatch"))
        for row in await db.fetch(MEMBERS, TENANT):
            self._members.setdefault(row["org_id"], []).append(row["member_id"])
        await db.close()
        self._incident = await Connections.open(self._port("incident"))
        self._dispatch = await Connections.open(self._port("dispatch"))
        self._nats = await nats.connect(self._place.nats_url)
        for fact, work in (
            ("offered", self._handle),
            ("inspection_assigned", self._check_assigned),
            ("inspection_raised", self._check_raised),
        ):
            await self._nats.subscribe(
                SUBJECTS % fact, cb=self._hear(work), pending_msgs_limit=-1, pending_bytes_limit=-1
            )
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

    def _hear(self, work: Work) -> Callable[[Msg], Awaitable[None]]:
        async def hear(message: Msg) -> None:
            fact = json.loads(message.data)
            # Else somebody is asked about a case of an earlier run, or once more: facts may be published again.
            if fact["case_id"] > self._since and fact["id"] not in self._heard:
                self._heard.add(fact["id"])
                self._do(work(fact))

        return hear

    async def _handle(self, offered: Fact) -> None:
        member = await self._claim(offered["order_id"], offered["offered_to"])
        self._handlers[offered["order_id"]] = member
        await self._must(offered["order_id"], "hand_in", member, note="done", photos=["photo-after"])

    async def _check_assigned(self, sent: Fact) -> None:
        await self._check(sent["order_id"], sent["member_id"])

    async def _check_raised(self, left: Fact) -> None:
        others = (m for m in self._members[left["org_id"]] if m != self._handlers[left["order_id"]])
        await self._check(left["order_id"], next(others))

    async def _check(self, order_id: str, member: str) -> None:
        await self._must(order_id, "check", member, passed=True)
        self._checked += 1
        self._report_next()
        if self._checked == self._size:
            self._all.set()

    async def _claim(self, order_id: str, offered_to: Sequence[str]) -> str:
        while True:
            for member in offered_to:
                status, _ = await self._ask(order_id, "claim", member)
                if status == 200:
                    return member
                self.refused += 1
            await asyncio.sleep(BUSY_SECONDS)

    async def _must(self, order_id: str, verb: str, member: str, **more: Any) -> None:
        status, answer = await self._ask(order_id, verb, member, **more)
        if status != 200:
            raise Refused(f"{verb} of {order_id} by {member}: {status} {answer!r}")

    async def _ask(self, order_id: str, verb: str, member: str, **more: Any) -> tuple[int, bytes]:
        body = json.dumps({"tenant": TENANT, "member_id": member, **more}).encode()
        return await self._dispatch.ask(post(f"/v1/orders/{order_id}/{verb}", body))

    def _do(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._failure = self._failure or failure
            self._all.set()
