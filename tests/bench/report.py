"""`python -m tests.bench.report result.json`: the table of a run in Markdown, put into docs/performance.md.

Of a run by size it takes the pictures along, into docs/performance/.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.bench import growth
from tests.bench.measure import amount

PAGE = Path("docs/performance.md")
PICTURES = Path("docs/performance")
BEGIN, END = "<!-- results: written by tests.bench.report -->", "<!-- end of results -->"
BEGIN_GROWTH, END_GROWTH = "<!-- growth: written by tests.bench.report -->", "<!-- end of growth -->"

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


def growth_markdown(result: Result) -> str:
    return "\n".join([_machine(result), "", growth.markdown(result, Path(PICTURES.name))])


def put(page: str, results: str, begin: str = BEGIN, end: str = END) -> str:
    """The page with these results instead of those between the two marks."""
    before, found, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise NoPlaceForResults(f"{PAGE} needs a line {begin} and a line {end}")
    return f"{before}{begin}\n\n{results}\n\n{end}{after}"


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
    met = {None: "", True: "met", False: "missed"}[figure["met"]]
    here = f"{amount(figure['median'])} {figure['unit']}"
    between = f"{amount(figure['min'])} – {amount(figure['max'])}"
    return f"| {figure['name']} | {here} | {between} | {limit} | {ratio} | {figure['goal_in_words']} | {met} |"


def _list(more: Iterable[Any]) -> str:
    return ", ".join(f"{name} {amount(value)}" for name, value in dict(more).items())


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("result", type=Path)
    file: Path = arguments.parse_args().result
    result = json.loads(file.read_text(encoding="utf-8"))
    page = PAGE.read_text(encoding="utf-8")
    if "cases" in result["figures"][0]:
        shutil.rmtree(PICTURES, ignore_errors=True)
        PICTURES.mkdir()
        for name, picture in growth.pictures(result).items():
            (PICTURES / name).write_text(picture, encoding="utf-8")
        page = put(page, growth_markdown(result), BEGIN_GROWTH, END_GROWTH)
    else:
        page = put(page, markdown(result))
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
