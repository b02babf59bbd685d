"""`python -m tests.bench.compare old.json new.json`: what has changed between two runs, and what is only noise."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.measure import WIDTH, amount

NOISE = "no difference beyond noise"

Result = Mapping[str, Any]
"""A result file: of `make bench`, or of a growth run, whose figures say for how many cases they are."""


@dataclass(frozen=True, slots=True)
class Change:
    """One figure in both runs. `percent` is of the median, `ratios` are those to the limit of the same run."""

    name: str
    unit: str
    medians: tuple[float, float]
    percent: float | None
    verdict: str
    ratios: tuple[float | None, float | None]


def differing_ground(old: Result, new: Result) -> list[str]:
    """Why the two runs may not be comparable at all."""
    found = []
    for name in sorted({*old["machine"], *new["machine"]} - {"versions", "ten_million_additions_seconds"}):
        before, after = old["machine"].get(name), new["machine"].get(name)
        if before != after:
            found.append(f"{name}: {before} before, {after} now")
    versions = [run["machine"].get("versions", {}) for run in (old, new)]
    for name in sorted({*versions[0], *versions[1]}):
        before, after = (each.get(name) for each in versions)
        if before != after:
            found.append(f"version of {name}: {before} before, {after} now")
    speeds = [run["machine"].get("ten_million_additions_seconds") for run in (old, new)]
    if all(speeds) and abs(speeds[1] / speeds[0] - 1) > 0.1:
        found.append(f"ten million additions: {speeds[0]} s before, {speeds[1]} s now; compare the ratios instead")
    return found


def changes(old: Result, new: Result) -> list[Change]:
    """Of every figure that both runs have, in the order of the new one."""
    before = {_key(figure): figure for figure in old["figures"]}
    return [_change(_key(f), before[_key(f)], f) for f in new["figures"] if _key(f) in before]


def only_in_one(old: Result, new: Result) -> tuple[list[str], list[str]]:
    """Figures that only the old run has, and that only the new one has."""
    keys = [[_key(figure) for figure in run["figures"]] for run in (old, new)]
    return [k for k in keys[0] if k not in keys[1]], [k for k in keys[1] if k not in keys[0]]


def _key(figure: Mapping[str, Any]) -> str:
    parts = [figure["name"], f"size {figure['size']:,}" if "size" in figure else ""]
    parts.append(f"{figure['cases']:,} cases stored" if "cases" in figure else "")
    return ", ".join(part for part in parts if part)


def _change(key: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Change:
    medians = old["median"], new["median"]
    percent = (medians[1] / medians[0] - 1) * 100 if medians[0] else None
    apart = max(old["values"]) < min(new["values"]) or max(new["values"]) < min(old["values"])
    better = (medians[1] < medians[0]) == bool(new["less_is_better"])
    verdict = ("better" if better else "worse") if apart else NOISE
    if apart and min(len(old["values"]), len(new["values"])) < 3:
        verdict += ", by fewer than three repetitions"
    return Change(key, new["unit"], medians, percent, verdict, (old.get("ratio"), new.get("ratio")))


def show(old: Result, new: Result, console: Console) -> None:
    for difference in differing_ground(old, new):
        console.print(f"NOT THE SAME GROUND: {difference}", style="bold red", highlight=False)
    table = Table("what", "before", "now", "change", "ratio to the limit", "")
    for change in changes(old, new):
        ratios = ["–" if ratio is None else f"{ratio:.2f}" for ratio in change.ratios]
        table.add_row(
            change.name,
            f"{amount(change.medians[0])} {change.unit}",
            f"{amount(change.medians[1])} {change.unit}",
            f"{change.percent:+.1f} %" if change.percent is not None else "–",
            " → ".join(ratios),
            change.verdict,
        )
    console.print(table)
    for run, names in zip(("before", "now"), only_in_one(old, new), strict=True):
        for name in names:
            console.print(f"only {run}: {name}", highlight=False)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("old", type=Path)
    arguments.add_argument("new", type=Path)
    chosen = arguments.parse_args()
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in (chosen.old, chosen.new)]
    show(runs[0], runs[1], Console(width=max(Console().width, WIDTH)))


if __name__ == "__main__":
    main()
