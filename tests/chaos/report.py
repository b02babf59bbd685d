"""What a run came to, as tables for a person and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.local import reconcile
from deploy.local.reconcile import Check
from tests.chaos.faults import Happened
from tests.chaos.recovery import Recovery


@dataclass(frozen=True, slots=True)
class Report:
    seed: int
    minutes: float
    happened: Sequence[Happened]
    recovery: Recovery
    checks: Sequence[Check]

    @property
    def holds(self) -> bool:
        return all(check.holds for check in self.checks)

    def write(self, file: Path) -> None:
        """JSON; times are seconds since 1970."""
        file.write_text(json.dumps(asdict(self) | {"holds": self.holds}, ensure_ascii=False, indent=1) + "\n")

    def show(self, console: Console) -> None:
        table = Table("fault", title=f"Seed {self.seed}, {self.minutes:g} minutes", title_justify="left")
        table.add_column("times", justify="right")
        for kind, count in sorted(Counter(each.planned.kind for each in self.happened).items()):
            table.add_row(kind, str(count))
        console.print(table)
        reconcile.show(self.checks, console)
        if not self.holds:
            console.print(f"Again: make chaos SEED={self.seed} MINUTES={self.minutes:g}")
