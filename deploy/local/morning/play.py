"""Plays a morning: reports are sent at their time, and the people of the street act on what they hear."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import nats

from deploy.local.linghe.street import Street
from deploy.local.morning.fact_listener import FactListener
from deploy.local.morning.lists import hand_in_lists
from deploy.local.morning.patrols import Patrols
from deploy.local.morning.people import People
from deploy.local.morning.planned_reports import PlannedReport
from deploy.local.morning.progress import Tally
from deploy.local.morning.senders import Senders, Sent
from deploy.local.morning.service_client import ServiceClient
from deploy.local.morning.simulation import Simulation
from deploy.local.system import TENANT, LocalSystem
from libs.contracts.dispatch import PatrolPlanned
from libs.sealing import Sealer


@dataclass
class PlayedMorning:
    """What was sent and answered, and sentences about what must never happen and did."""

    sent: list[Sent] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    contested_claims: int = 0
    visits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


async def play_morning(
    local: LocalSystem,
    street: Street,
    plans: Sequence[PlannedReport],
    *,
    lasts: timedelta,
    tally: Tally,
    tick: Callable[[], None] = lambda: None,
    patience_seconds: float = 60.0,
) -> PlayedMorning:
    """Everything from the first report until nobody has anything to do any more, or nothing happens for so long.

    The reports are spread over `lasts`, in the domain's time. Raises nothing that a service did: see `Played`.
    """
    async with AsyncExitStack() as stack:
        bus = await nats.connect(
            local.servers.addresses.nats_url.split(","), max_reconnect_attempts=-1, error_cb=ignore
        )
        stack.push_async_callback(bus.close)
        incident = await stack.enter_async_context(ServiceClient([local.urls["incident"]], TENANT))
        dispatch = await stack.enter_async_context(ServiceClient([local.urls["dispatch"]], TENANT))
        sealer = Sealer(local.environment["WANGGE_NOTIFY_PUBLIC_KEY"])
        senders = Senders(TENANT, incident, bus, sealer, local.clock)
        noon = local.clock.now() + lasts
        people = People(street, TENANT, incident, dispatch, local.clock, lambda: noon)
        simulation = Simulation(senders, people, tally)
        facts = FactListener(bus, TENANT, "demonstration")
        await facts.follow()
        patrols = Patrols(street, dispatch, local.clock, simulation)
        listening = asyncio.create_task(_listen(facts, simulation, patrols))
        seconds, begun = lasts.total_seconds() / local.clock.speed, asyncio.get_running_loop().time()
        try:
            await patrols.begin()
            simulation.accompany(patrols.walk())
            simulation.accompany(hand_in_lists(dispatch))
            for plan in plans:
                simulation.begin(plan, begun + plan.at_fraction * seconds)
            await simulation.finish(patience_seconds, tick)
        finally:
            await facts.stop()
            listening.cancel()
        return PlayedMorning(simulation.sent, simulation.surprises, people.contested, patrols.visited)


async def _listen(facts: FactListener, simulation: Simulation, patrols: Patrols) -> None:
    async for fact in facts.heard():
        simulation.hear(fact)
        if isinstance(fact, PatrolPlanned):
            patrols.hear(fact)


async def ignore(error: Exception) -> None:
    """The client connects again by itself."""
