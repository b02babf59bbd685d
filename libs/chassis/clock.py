"""Domain time: the real time, or a faster clock in demonstrations, where a morning passes in a minute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Clock:
    """Domain time: `epoch` and the real time since, multiplied by `speed`.

    Processes that share epoch and speed agree on the time. Leases, retries and latencies use real time.
    """

    epoch: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    speed: float = 1.0
    real_time: Callable[[], datetime] = lambda: datetime.now(UTC)

    def now(self) -> datetime:
        real = self.real_time()
        return real if self.speed == 1.0 else self.epoch + (real - self.epoch) * self.speed
