"""What goes on failing is told when it begins, seldom while it lasts, and when it is over."""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from typing import Any

import pytest
import structlog
from prometheus_client import REGISTRY
from structlog.testing import LogCapture

from libs.chassis.telemetry import failures
from libs.chassis.telemetry.failures import Failures

EVERY_LEVEL = structlog.make_filtering_bound_logger(0)
"""Whatever level a service that was tested before has set."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    now = {"is": 1000.0}
    monkeypatch.setattr(time, "monotonic", lambda: now["is"])
    return now


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> list[MutableMapping[str, Any]]:
    captured = LogCapture()
    monkeypatch.setattr(failures, "log", structlog.wrap_logger(None, processors=[captured], wrapper_class=EVERY_LEVEL))
    return captured.entries


def fail(of: Failures, clock: dict[str, float], seconds: int) -> None:
    """Once a second."""
    for _ in range(seconds):
        of.failed("relay", "NotPublished: no answer")
        clock["is"] += 1


def test_what_fails_every_second_for_an_hour_is_told_at_growing_intervals(
    clock: dict[str, float], logs: list[MutableMapping[str, Any]]
) -> None:
    fail(Failures("incident"), clock, 3600)
    assert [each["seconds"] for each in logs] == [0, 10, 60, *range(300, 3600, 300)]
    assert logs[1] == {
        "event": "work_fails",
        "log_level": "warning",
        "work": "relay",
        "reason": "NotPublished: no answer",
        "times": 11,
        "seconds": 10.0,
    }


def test_the_end_is_told_once_and_what_begins_again_is_told_at_once(
    clock: dict[str, float], logs: list[MutableMapping[str, Any]]
) -> None:
    of = Failures("incident")
    fail(of, clock, 5)
    logs.clear()
    of.succeeded("relay")
    of.succeeded("relay")
    of.failed("relay", "another reason")
    assert [(each["event"], each["seconds"]) for each in logs] == [("work_goes_on", 5.0), ("work_fails", 0.0)]
    assert logs[0]["failed_times"] == 5


def test_how_long_it_has_lasted_is_a_metric_and_is_said_with_the_latest_reason(clock: dict[str, float]) -> None:
    of = Failures("incident")
    fail(of, clock, 40)
    labels = {"service": "incident", "work": "relay"}
    assert REGISTRY.get_sample_value("wangge_failing_seconds", labels) == 40
    assert of.lasting() == {"relay": "NotPublished: no answer, for 40 s"}
    of.succeeded("relay")
    assert REGISTRY.get_sample_value("wangge_failing_seconds", labels) == 0
    assert of.lasting() == {}
