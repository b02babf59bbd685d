"""Every scenario by its name. A repetition's size is events, requests, cases or points, as the scenario says."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from tests.bench.hop import consumer_hop
from tests.bench.intake import http_intake
from tests.bench.life import report_to_notification
from tests.bench.measure import Figure
from tests.bench.place import Place
from tests.bench.relay import relay_drain

Run = Callable[[Place, int, int], Coroutine[Any, Any, list[Figure]]]
"""Runs on a place, with so many repetitions of such a size."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """`size` is what a repetition does usually, `full_size` what it does in a full run."""

    run: Run
    size: int
    full_size: int


SCENARIOS = {
    "hop": Scenario(consumer_hop, 10_000, 20_000),
    "relay": Scenario(relay_drain, 20_000, 100_000),
    "intake": Scenario(http_intake, 5_000, 20_000),
    "queued": Scenario(report_to_notification, 3_000, 20_000),
}
