"""Two minutes in which everything breaks that can break; afterwards nothing is lost, and nothing is there twice."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.chaos.run import run
from tests.chaos.schedule import KINDS

SEED, MINUTES, REPORTS_A_SECOND = 2, 2.0, 1.0


def test_every_kind_of_fault_under_load_leaves_nothing_wrong() -> None:
    # Not pytest's own folder: as root it is closed to the user that PostgreSQL runs as.
    with tempfile.TemporaryDirectory() as folder:
        report = run(Path(folder), SEED, MINUTES, reports_a_second=REPORTS_A_SECOND, say=print)
    wrong = [f"{check.statement}: {each}" for check in report.checks for each in check.contradictions]
    assert not wrong, "\n".join(wrong)
    assert {each.planned.kind for each in report.happened} | set(report.left_out) == {kind.name for kind in KINDS}
    assert report.recovery.lag_zero is not None
