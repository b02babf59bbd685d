"""`python -m tests.bench.report result.json`: the table of a run in Markdown, put into docs/performance.md."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.bench.measure import amount

PAGE = Path("docs/performance.md")
BEGIN, END = "<!-- results: written by tests.bench.report -->", "<!-- end of results -->"

Result = Mapping[str, Any]
"""What `make bench` writes: see measure.result."""


class NoPlaceForResults(Exception):
    """The page has no two lines between which the results belong."""


def markdown(result: Result) -> str:
    """The machine, a row for each figure, and a line for each scenario that says where the CPU went."""
    rows = ["| scenario | here | min – max | limit, same run | ratio | goal | |", "|---|---|---|---|---|---|---|"]
    rows += [_row(figure) for figure in result["figures"]]
    explained = [f"- {f['name']}: {_list(f['more'])}" for f in result["figures"] if f["more"]]
    return "\n".join([_machine(result), "", *rows, "", "What stands behind the medians:", "", *explained])


def put(page: str, results: str) -> str:
    """The page with these results instead of those between its two marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise NoPlaceForResults(f"{PAGE} needs a line {BEGIN} and a line {END}")
    return f"{before}{BEGIN}\n\n{results}\n\n{END}{after}"


def _machine(result: Result) -> str:
    machine = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"{result['date'][:10]}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}, Python "
        f"{machine['python']}; ten million additions in Python take {machine['ten_million_additions_seconds']} s. "
        f"{result['repetitions']} repetitions, {'full' if result['full'] else 'usual'} sizes. {versions}."
    )


def _row(figure: Mapping[str, Any]) -> str:
    limit = amount(figure["limit_median"]) if figure["limit_median"] is not None else "–"
    ratio = f"{figure['ratio']:.2f}" if figure["ratio"] is not None else "–"
    sign = "≤" if figure["less_is_better"] else "≥"
    goal = f"{sign} {amount(figure['goal'])}" if figure["goal"] is not None else "–"
    met = {None: "", True: "met", False: "missed"}[figure["met"]]
    here = f"{amount(figure['median'])} {figure['unit']}"
    between = f"{amount(figure['min'])} – {amount(figure['max'])}"
    return f"| {figure['name']} | {here} | {between} | {limit} | {ratio} | {goal} | {met} |"


def _list(more: Iterable[Any]) -> str:
    return ", ".join(f"{name} {amount(value)}" for name, value in dict(more).items())


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("result", type=Path)
    results = markdown(json.loads(arguments.parse_args().result.read_text(encoding="utf-8")))
    PAGE.write_text(put(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")
    print(results)


if __name__ == "__main__":
    main()
