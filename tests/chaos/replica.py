"""One process of a service as it is in production, but for a clock that can be put wrong while it runs.

`python -m tests.chaos.replica <service> <clock file> [next]`: the file holds the seconds by which every clock of this
process is wrong. With `next` it is the next version of the service.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from libs.chassis import service
from libs.chassis.clock import Clock
from tests.chaos.next_version import NEXT, speak_the_next_version
from wangge.serving import serve

LOOK_SECONDS = 0.1


class WrongClock:
    """How wrong the clock is, as a file says that is looked at every so often."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seconds = 0.0
        self._look_at = 0.0

    def seconds(self) -> float:
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_SECONDS
            self._seconds = float(self._file.read_text() or 0) if self._file.exists() else 0.0
        return self._seconds


def put_wrong(clock: WrongClock) -> None:
    """Everything that this process asks for the time goes wrong by as much, and domain time no faster than that."""
    real_time, real_time_ns = time.time, time.time_ns
    time.time = lambda: real_time() + clock.seconds()
    time.time_ns = lambda: real_time_ns() + int(clock.seconds() * 1e9)

    def made(epoch: datetime, speed: float) -> Clock:
        return Clock(epoch, speed, lambda: datetime.now(UTC) + timedelta(seconds=clock.seconds() / speed))

    vars(service)["Clock"] = made


def main(name: str, clock_file: str, version: str = "") -> None:
    put_wrong(WrongClock(Path(clock_file)))
    if version == NEXT:
        speak_the_next_version()
    serve(name)


if __name__ == "__main__":
    main(*sys.argv[1:])
