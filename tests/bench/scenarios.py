"""Every scenario by its name. A repetition's size is events, requests, cases or points, as the scenario says."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from tests.bench.attempt import report_to_attempt
from tests.bench.backlog import event_backlog
from tests.bench.hop import consumer_hop
from tests.bench.idle import idle_services
from tests.bench.intake import http_intake
from tests.bench.ledger import ledger_posting
from tests.bench.life import report_to_notification, whole_life
from tests.bench.measure import Figure
from tests.bench.place import Place
from tests.bench.relay import relay_drain
from tests.bench.routing import routing, routing_in_the_country
from tests.bench.sender import notify_sender
from tests.bench.timers import waiting_timers

Run = Callable[[Place, int, int], Coroutine[Any, Any, list[Figure]]]
"""Runs on a place, with so many repetitions of such a size."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """`size` is what a repetition does usually, `full_size` what it does in a full run.

    `only_full`: it runs when it is named, or in a full run.
    """

    run: Run
    size: int
    full_size: int
    only_full: bool = False


SCENARIOS = {
    "hop": Scenario(consumer_hop, 10_000, 20_000),
    "relay": Scenario(relay_drain, 20_000, 100_000),
    "intake": Scenario(http_intake, 5_000, 20_000),
    "queued": Scenario(report_to_notification, 3_000, 20_000),
    "attempt": Scenario(report_to_attempt, 1_000, 6_000),
    "life": Scenario(whole_life, 1_500, 10_000),
    "routing": Scenario(routing, 20_000, 100_000),
    "country": Scenario(routing_in_the_country, 20_000, 100_000, only_full=True),
    "ledger": Scenario(ledger_posting, 5_000, 20_000),
    "sender": Scenario(notify_sender, 5_000, 20_000),
    "timers": Scenario(waiting_timers, 200_000, 1_000_000),
    "backlog": Scenario(event_backlog, 30_000, 1_000_000),
    "idle": Scenario(idle_services, 20, 20),
}
