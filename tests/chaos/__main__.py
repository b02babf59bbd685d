"""`make chaos SEED=1 MINUTES=10`: load, faults from the seed, then every invariant. Several seeds go with commas."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from deploy.local.ending import run_command
from tests.chaos.report import Report
from tests.chaos.run import run

FOLDER = Path(".wangge/chaos")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", default="1", help="one seed, or several separated by commas")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=2.0, help="reports a second")
    parser.add_argument("--alone", action="store_true", help="every kind of fault once, one after the other")
    wanted = parser.parse_args()
    minutes = None if wanted.alone else wanted.minutes
    console = Console()
    reports: list[Report] = []
    for seed in wanted.seed.split(","):
        report = run(FOLDER / seed, int(seed), minutes, reports_a_second=wanted.rate, say=console.print)
        report.write(FOLDER / seed / "result.json")
        report.show(console)
        reports.append(report)
    return 0 if all(report.holds for report in reports) else 1


if __name__ == "__main__":
    sys.exit(run_command(main, when_interrupted=130))
