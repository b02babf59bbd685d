"""What fails again and again: told when it begins, at growing intervals while it lasts, and when it is over."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

import structlog

from libs.chassis.telemetry import metrics

log = structlog.get_logger()

TOLD_AFTER_SECONDS = (0.0, 10.0, 60.0, 300.0)
"""Since it began. After the last of these it is told again whenever so much time has passed once more."""


@dataclass(slots=True)
class _Failing:
    reason: str
    began: float
    times: int = 0
    told: int = 0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def is_to_be_told(self) -> bool:
        last = len(TOLD_AFTER_SECONDS) - 1
        after = TOLD_AFTER_SECONDS[min(self.told, last)] + TOLD_AFTER_SECONDS[last] * max(0, self.told - last)
        return self.seconds >= after


class Failures:
    """Of one process, by the work that fails: the relay, a consumer, the sweep."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._failing: dict[str, _Failing] = {}

    def failed(self, work: str, reason: str) -> None:
        """The work did not succeed, once more."""
        metrics.FAILING.labels(self._service, work).set_function(partial(self.seconds, work))
        failing = self._failing.setdefault(work, _Failing(reason, time.monotonic()))
        failing.reason = reason
        failing.times += 1
        if failing.is_to_be_told():
            failing.told += 1
            log.warning("work_fails", work=work, reason=reason, times=failing.times, seconds=round(failing.seconds, 1))

    def succeeded(self, work: str) -> None:
        """The work did what it is there for."""
        failing = self._failing.pop(work, None)
        if failing is not None:
            log.info("work_goes_on", work=work, failed_times=failing.times, seconds=round(failing.seconds, 1))

    def seconds(self, work: str) -> float:
        """How long the work has been failing; 0 when it does not."""
        failing = self._failing.get(work)
        return failing.seconds if failing is not None else 0.0

    def lasting(self) -> dict[str, str]:
        """What is failing now, each with its latest reason and since how many seconds."""
        return {work: f"{each.reason}, for {each.seconds:.0f} s" for work, each in sorted(self._failing.items())}
