"""How far a morning is: bars on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

STREET_ZONE = timezone(timedelta(hours=8))
LINE_EVERY_SECONDS = 4.0

STAGES = ("sent", "registered", "dispatched", "claimed", "handled", "closed", "finished")
"""Of reports. An order that is made anew is not counted again."""


@dataclass
class Tally:
    """What has happened so far. `cases` holds the ids that have reached a stage, so that nothing is counted twice."""

    reports: int
    cases: dict[str, set[object]] = field(default_factory=lambda: {stage: set() for stage in STAGES})
    rated: int = 0
    visited: int = 0
    points: int = 0
    notifications: Counter[str] = field(default_factory=Counter)


class ProgressDisplay:
    """Shows a tally until the block ends. `tick` is called often and draws what has changed."""

    def __init__(self, tally: Tally, console: Console) -> None:
        self._tally, self._console = tally, console
        self._now = ""
        self._next_line = time.monotonic()
        columns = (TextColumn("{task.description:>10}"), BarColumn(40), MofNCompleteColumn())
        self._bars = Progress(*columns, console=console)
        self._tasks = {stage: self._bars.add_task(stage, total=tally.reports) for stage in STAGES}
        self._live = Live(get_renderable=self._drawn, console=console, auto_refresh=False, transient=False)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()
        else:
            self._console.print(self._line(), soft_wrap=True)

    def tick(self, now: datetime) -> None:
        self._now = f"{now.astimezone(STREET_ZONE):%H:%M}"
        if self._console.is_terminal:
            self._live.refresh()
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + LINE_EVERY_SECONDS
            self._console.print(self._line(), soft_wrap=True)

    def _drawn(self) -> RenderableType:
        for stage, task in self._tasks.items():
            self._bars.update(task, completed=len(self._tally.cases[stage]))
        return Group(Text(f"{self._now} in the street", style="bold"), self._bars, Text(self._outcomes()))

    def _line(self) -> str:
        stages = "  ".join(f"{stage} {len(self._tally.cases[stage])}" for stage in STAGES)
        return f"{self._now}  {stages}  {self._outcomes()}"

    def _outcomes(self) -> str:
        told = ", ".join(f"{channel} {count}" for channel, count in sorted(self._tally.notifications.items()))
        counts = f"visited {self._tally.visited}, rated {self._tally.rated}, points {self._tally.points}"
        return f"{counts}, notifications: {told or 'none yet'}"
