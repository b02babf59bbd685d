"""Two result files of the bench beside one another."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench.compare import NOISE, changes, differing_ground, only_in_one

MACHINE = {"cores": 2, "ten_million_additions_seconds": 0.5, "versions": {"asyncpg": "0.30.0"}}


def figure(name: str, *values: float, less_is_better: bool = False, **more: Any) -> dict[str, Any]:
    median = sorted(values)[len(values) // 2]
    return {
        "name": name,
        "unit": "/s",
        "values": values,
        "median": median,
        "less_is_better": less_is_better,
        "ratio": 0.5,
        **more,
    }


def run(*figures: dict[str, Any], **machine: Any) -> dict[str, Any]:
    return {"machine": {**MACHINE, **machine}, "figures": list(figures)}


def test_ranges_that_overlap_are_no_difference() -> None:
    [change] = changes(run(figure("hop", 90, 100, 110)), run(figure("hop", 105, 120, 130)))
    assert (change.verdict, change.medians) == (NOISE, (100, 120))
    assert change.percent == pytest.approx(20)


@pytest.mark.parametrize(("less_is_better", "verdict"), [(False, "better"), (True, "worse")])
def test_ranges_apart_are_better_or_worse_by_what_the_figure_wants(less_is_better: bool, verdict: str) -> None:
    old, new = (figure("x", *values, less_is_better=less_is_better) for values in ((1, 2, 3), (4, 5, 6)))
    assert changes(run(old), run(new))[0].verdict == verdict


def test_a_change_measured_by_fewer_than_three_repetitions_says_so() -> None:
    [change] = changes(run(figure("hop", 100)), run(figure("hop", 120)))
    assert change.verdict == "better, by fewer than three repetitions"


def test_figures_are_matched_by_name_size_and_cases_stored() -> None:
    old = run(figure("hop", 1, cases=62_500), figure("hop", 2, cases=250_000), figure("gone", 3))
    new = run(figure("hop", 4, cases=250_000), figure("fresh", 5))
    assert [change.medians for change in changes(old, new)] == [(2, 4)]
    assert only_in_one(old, new) == (["hop, 62,500 cases stored", "gone"], ["fresh"])


def test_another_machine_other_versions_and_another_speed_are_said() -> None:
    other = run(cores=8, versions={"asyncpg": "0.31.0"}, ten_million_additions_seconds=1.6)
    assert len(differing_ground(run(), other)) == 3
    assert differing_ground(run(), run(ten_million_additions_seconds=0.52)) == []


def test_the_command_prints_and_ends_well(tmp_path: Path) -> None:
    for name, result in (("old", run(figure("hop", 1, 2, 3))), ("new", run(figure("hop", 4, 5, 6), cores=4))):
        (tmp_path / f"{name}.json").write_text(json.dumps(result), encoding="utf-8")
    command = [sys.executable, "-m", "tests.bench.compare", str(tmp_path / "old.json"), str(tmp_path / "new.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "better" in done.stdout
    assert "NOT THE SAME GROUND: cores: 2 before, 4 now" in done.stdout
