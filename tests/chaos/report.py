"""What a run came to, as tables for a person and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.local.reconciliation import check
from deploy.local.reconciliation.check import Check
from tests.chaos.faults import Happened
from tests.chaos.recovery import Recovery

GOAL_GAP_SECONDS, GOAL_LAG_SECONDS = 12, 60
GOAL_LAG_ALONE_SECONDS = 15
"""After a fault that came by itself."""


@dataclass(frozen=True, slots=True)
class Report:
    seed: int
    minutes: float | None
    reports_a_second: float
    happened: Sequence[Happened]
    left_out: tuple[str, ...]
    recovery: Recovery
    checks: Sequence[Check]

    @property
    def holds(self) -> bool:
        return all(check.holds for check in self.checks)

    def write(self, file: Path) -> None:
        """JSON; times are seconds since 1970."""
        file.write_text(json.dumps(asdict(self) | {"holds": self.holds}, ensure_ascii=False, indent=1) + "\n")

    def show(self, console: Console) -> None:
        during = "one by one" if self.minutes is None else f"{self.minutes:g} minutes"
        table = Table("fault", title=f"Seed {self.seed}, {during}", title_justify="left")
        table.add_column("times", justify="right")
        table.add_column("to the next 2xx, longest", justify="right")
        if self.minutes is None:
            table.add_column(f"to lag zero (goal: {GOAL_LAG_ALONE_SECONDS} s)", justify="right")
        alone = {each.planned.kind: [_seconds_to_lag_zero(each)] for each in self.happened if self.minutes is None}
        for kind, count in sorted(Counter(each.planned.kind for each in self.happened).items()):
            seconds = self.recovery.after.get(kind)
            table.add_row(kind, str(count), "" if seconds is None else f"{seconds:.1f} s", *alone.get(kind, []))
        for kind in self.left_out:
            table.add_row(kind, "left out")
        console.print(table)
        gap, without = self.recovery.gap, self.recovery.gap_without_database
        away = f", {without:.1f} s of it without PostgreSQL" if without else ""
        console.print(
            f"Longest time for which somebody waited without a 2xx: {gap:.1f} s{away} (goal: {GOAL_GAP_SECONDS} s)."
        )
        lag = "never" if self.recovery.lag_zero is None else f"{self.recovery.lag_zero:.1f} s"
        console.print(f"From the last healing to lag zero: {lag} (goal: {GOAL_LAG_SECONDS} s).")
        check.show(self.checks, console)
        if not self.holds:
            how = "ALONE=1" if self.minutes is None else f"MINUTES={self.minutes:g}"
            console.print(f"Again: make chaos SEED={self.seed} {how} RATE={self.reports_a_second:g}")


def _seconds_to_lag_zero(fault: Happened) -> str:
    if fault.caught_up_at is None or fault.healed_at is None:
        return "never"
    return f"{max(0.0, fault.caught_up_at - fault.healed_at):.1f} s"
