"""The load of a run: the life of the street, with every attempt and every answer in the journal."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from math import inf
from random import Random
from typing import Any

import httpx
import nats
import nats.errors
from nats.aio.client import Client as NatsClient
from nats.aio.msg import Msg

from deploy.local.morning import planned_reports
from deploy.local.morning.fact_listener import FactListener
from deploy.local.morning.patrols import Patrols
from deploy.local.morning.people import CONTESTED, People
from deploy.local.morning.planned_reports import PlannedReport
from deploy.local.morning.play import ignore
from deploy.local.morning.progress import Tally
from deploy.local.morning.senders import Senders
from deploy.local.morning.service_client import ServiceClient
from deploy.local.morning.simulation import Simulation
from libs.contracts.dispatch import PatrolPlanned
from libs.sealing import Sealer
from tests.chaos.deeds import with_deeds
from tests.chaos.ground import Ground
from tests.chaos.imports import Imports
from tests.chaos.journal import Journal
from tests.chaos.mess import COPIES, POISON, Mess
from tests.chaos.minutes import HELD_BEFORE, hold_meetings

REPORTS_A_SECOND = 8.0
CHUNK = 200
# A stopped server comes back after a minute at most, and several faults may follow one another.
PATIENCE_SECONDS = 300.0
ALMOST_IDLE_SECONDS = 700.0
"""Longer than the weekend, in which the clock of an order that nobody claims stands still: 63 hours are 630 s here."""
RIVALS_AT_MOST = 5
WEBHOOK_SHARE = 0.5
"""Of the reporters who leave an address at all."""
UNCLAIMED = timedelta(hours=6)
AT_HOME_IN = timedelta(days=4)
"""A report that is not taken for as long as clients ask, by a clock that is wrong, still comes before its window."""
NONSENSE_SHARE = 0.01


async def load(
    world: Ground, seed: int, until: asyncio.Event, journal: Journal, reports_a_second: float = REPORTS_A_SECOND
) -> None:
    """Runs until the event is set, then takes what is under way to its end. Raises nothing that a service did."""
    async with living(world, seed, journal, patrols=True) as life:
        life.simulation.accompany(hold_meetings(world, life.incident, life.simulation, seed, until))
        life.simulation.accompany(life.imports.go_on(until))
        await _report(world, seed, until, life, reports_a_second)


@dataclass(frozen=True, slots=True)
class Life:
    """The street lives: reports that are begun go their way."""

    simulation: Simulation
    incident: JournalledAsking
    imports: Imports


@asynccontextmanager
async def living(
    world: Ground,
    seed: int,
    journal: Journal,
    *,
    idle_seconds: float = ALMOST_IDLE_SECONDS,
    at_most_seconds: float = inf,
    contested: float = CONTESTED,
    copies: float = COPIES,
    poison: float = POISON,
    patrols: bool = False,
) -> AsyncIterator[Life]:
    """At the end everything that was begun goes on until nobody has anything to do, or until one of the times is over.

    What the people meet that must not happen is a surprise in the journal.
    """
    async with AsyncExitStack() as stack:
        bus = await nats.connect(
            world.nats_url.split(","), max_reconnect_attempts=-1, reconnect_time_wait=0.2, error_cb=ignore
        )
        stack.push_async_callback(bus.close)
        incident = await stack.enter_async_context(JournalledAsking(world.urls["incident"], world.tenant, journal))
        dispatch = await stack.enter_async_context(JournalledAsking(world.urls["dispatch"], world.tenant, journal))
        senders = Senders(world.tenant, incident, JournalledBus(bus, journal), Sealer(world.sealing_key), world.clock)
        people = People(
            world.street,
            world.tenant,
            incident,
            dispatch,
            world.clock,
            noon=lambda: world.clock.now() + UNCLAIMED,
            rivals_at_most=RIVALS_AT_MOST,
            contested=contested,
        )
        simulation = Simulation(senders, people, Tally(0), under_way_at_most=inf)
        mess = Mess(bus, seed, journal, copies=copies, poison=poison)
        facts = FactListener(bus, world.tenant, "load")
        await facts.follow()
        round_of_patrols = Patrols(world.street, dispatch, world.clock, simulation)
        tasks = [
            asyncio.create_task(_listen(facts, simulation, mess, round_of_patrols)),
            asyncio.create_task(mess.run()),
        ]
        try:
            if patrols:
                await round_of_patrols.begin()
                simulation.accompany(round_of_patrols.walk())
            yield Life(simulation, incident, Imports(world, dispatch, journal))
            await simulation.finish(idle_seconds, at_most_seconds=at_most_seconds)
            await mess.finish()
        finally:
            mess.stop()
            await facts.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for surprise in simulation.surprises:
            journal.attempt("surprise", {"what": surprise})


async def _report(world: Ground, seed: int, until: asyncio.Event, life: Life, reports_a_second: float) -> None:
    rng = Random(seed)
    begun = asyncio.get_running_loop().time()
    tasks: set[asyncio.Task[None]] = set()
    for number, plan in enumerate(plans(world, seed)):
        at = begun + number / reports_a_second
        # Who waits for the report of the same matter would wait for ever.
        if plan.same_as is None and await _is_set_before(until, at):
            break
        life.simulation.begin(plan, at)
        if rng.random() < NONSENSE_SHARE:
            tasks.add(asyncio.create_task(_nonsense(life.incident, rng, number)))
    await asyncio.gather(*tasks)


async def _is_set_before(event: asyncio.Event, at: float) -> bool:
    try:
        async with asyncio.timeout_at(at):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def _listen(facts: FactListener, simulation: Simulation, mess: Mess, patrols: Patrols) -> None:
    async for fact in facts.heard():
        simulation.hear(fact)
        mess.add(fact)
        if isinstance(fact, PatrolPlanned):
            patrols.hear(fact)


def plans(world: Ground, seed: int) -> Iterator[PlannedReport]:
    """Reports without end; the same for the same seed. Each has a key of its own."""
    rng = Random(seed)
    usual = (
        replace(plan, idempotency_key=f"{seed}-{chunk}-{plan.idempotency_key}")
        for chunk in itertools.count()
        for plan in planned_reports.plan_morning(world.street, CHUNK, seed * 10_000 + chunk)
    )
    for plan in with_deeds(usual, rng):
        reached = plan.contact_email is not None and rng.random() < WEBHOOK_SHARE
        webhook = world.webhook_url if reached else None
        yield replace(plan, contact_webhook=webhook, at_home_in=AT_HOME_IN, met_before=HELD_BEFORE)


class JournalledAsking(ServiceClient):
    """Writes down every attempt and answer. A fault of a service is asked again, as an outage is."""

    patience_seconds = PATIENCE_SECONDS
    timeout_seconds = 8.0

    def __init__(self, urls: list[str], tenant: str, journal: Journal) -> None:
        super().__init__(urls, tenant)
        self._journal = journal

    async def send(self, path: str, body: Mapping[str, object], headers: Mapping[str, str] | None) -> httpx.Response:
        kind = "report" if path == "/v1/reports" else path.rpartition("/")[2]
        return await self._journalled(kind, path, body, headers)

    async def nonsense(self, body: Mapping[str, object], headers: Mapping[str, str]) -> httpx.Response:
        """A report that must be refused, once."""
        return await self._journalled("nonsense", "/v1/reports", {"tenant": self.tenant, **body}, headers)

    async def _journalled(
        self, kind: str, path: str, body: Mapping[str, object], headers: Mapping[str, str] | None
    ) -> httpx.Response:
        id = self._journal.attempt(kind, {"path": path, **body, **_named(headers)})
        try:
            answer = await super().send(path, body, headers)
        except (httpx.TransportError, OSError, TimeoutError) as error:
            self._journal.no_answer(kind, id, error)
            raise
        self._journal.answer(kind, id, answer.status_code, _object(answer.content))
        return answer

    async def send_file(self, path: str, content: bytes, query: Mapping[str, str]) -> httpx.Response:
        kind = path.rpartition("/")[2]
        id = self._journal.attempt(kind, {"path": path, **query, "file": content.decode()})
        try:
            answer = await super().send_file(path, content, query)
        except (httpx.TransportError, OSError, TimeoutError) as error:
            self._journal.no_answer(kind, id, error)
            raise
        self._journal.answer(kind, id, answer.status_code, _object(answer.content))
        return answer

    def is_for_later(self, answer: httpx.Response) -> bool:
        return answer.status_code >= 500


class FaultOfService(nats.errors.Error):
    """A service answered over NATS that it failed: it is asked again."""


class JournalledBus:
    """Request and reply over NATS, written down."""

    def __init__(self, bus: NatsClient, journal: Journal) -> None:
        self._bus, self._journal = bus, journal

    async def request(self, subject: str, payload: bytes, timeout: float) -> Msg:
        id = self._journal.attempt("report", {"subject": subject, **json.loads(payload)})
        try:
            reply: Msg = await self._bus.request(subject, payload, timeout=timeout)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            self._journal.no_answer("report", id, error)
            raise
        said = _object(reply.data)
        status = 201 if "tracking_code" in said else int(said["status"])
        self._journal.answer("report", id, status, said)
        if status >= 500 and status != 503:
            raise FaultOfService
        return reply


def _named(headers: Mapping[str, str] | None) -> dict[str, str]:
    """The key and sender as a report over NATS names them."""
    if headers is None:
        return {}
    return {"key": headers.get("Idempotency-Key", ""), "sender": headers.get("Wangge-Sender", "")}


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        return {"body": body[:500].decode(errors="replace")}
    return said if isinstance(said, dict) else {"body": said}


async def _nonsense(incident: JournalledAsking, rng: Random, number: int) -> None:
    """What must be refused, and leave nothing behind."""
    whole: dict[str, object] = {"category": "11001", "text": "路灯不亮", "place": {"name": "儒林"}}
    wrong: list[dict[str, object]] = [
        {**whole, "category": "99999"},
        {**whole, "category": 11001},
        {**whole, "place": {}},
        {**whole, "place": {"point": {"longitude": 1e9, "latitude": "north"}}},
        {**whole, "text": "长" * 5001},
        {**whole, "text": "x" * 300_000},
        {**whole, "text": "路灯\0不亮"},
    ]
    headers = {"Idempotency-Key": f"nonsense-{number}", "Wangge-Sender": "nonsense"}
    try:
        await incident.nonsense(rng.choice(wrong), headers)
    except (httpx.TransportError, OSError):
        return
