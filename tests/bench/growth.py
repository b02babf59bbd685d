"""`python -m tests.bench.growth`: scenarios on tables that hold ever more, and how each figure changes with it.

All cases are of one street, the hardest case for whatever reads by street. Fills, measures, fills on: 1 unit of cases,
then 4, then 16. Writes a result that tests.bench.compare understands, and a picture for each figure.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import uvloop

from deploy.local.system import LocalSystem
from libs.chassis.db.database import connect, transaction
from services.scoring.ledger import tables as ledger_tables
from tests.bench.growth_fill import MOST, fill, fill_chassis
from tests.bench.measure import Figure, amount, as_json, result
from tests.bench.picture import Point, draw
from tests.bench.place import QUIET, Place
from tests.bench.scenarios import SCENARIOS

UNIT = 62_500
SUITED = ("hop", "relay", "intake", "queued", "life", "ledger", "sender", "timers")
"""The others have nothing to do with what is stored: routing, or measure it themselves: backlog."""


class LedgerDoesNotAddUp(Exception):
    """What was filled in is wrong, and so would be every figure of scoring."""


Found = list[tuple[int, Figure]]
"""(cases stored, figure)"""


def grow(
    street: LocalSystem,
    sizes: Sequence[int],
    names: Sequence[str],
    repetitions: int,
    size: int | None,
    keep: Callable[[Found], None],
) -> None:
    """Every scenario for every size in ascending order; what has been found so far is kept after each size."""
    stored = 0
    found: Found = []

    async def prepare(database_url: str) -> None:
        await fill_chassis(database_url, stored)

    place = Place(street, prepare)
    for cases in sizes:
        began = time.perf_counter()
        uvloop.run(_fill(place, stored + 1, cases))
        stored = cases
        print(f"{cases:,} cases are stored after {time.perf_counter() - began:.0f} s", flush=True)
        for name in names:
            scenario = SCENARIOS[name]
            for figure in uvloop.run(scenario.run(place, repetitions, size or scenario.size)):
                figure.scenario = name
                found.append((cases, figure))
                print(f"  {figure.name}: {amount(figure.median)} {figure.unit}", flush=True)
        keep(found)


async def _fill(place: Place, first: int, last: int) -> None:
    """When everything is consumed and no service runs."""
    street = place.street
    await place.run(*street.services)
    await place.run()
    await fill(street.database_url, first, last, say=lambda sentence: print(f"  {sentence}", flush=True))
    engine = connect(street.database_url("scoring"), 1)
    async with transaction(engine) as db:
        adds_up = (await ledger_tables.verify(db)).adds_up
    await engine.close()
    if not adds_up:
        raise LedgerDoesNotAddUp


def kept(found: Found, repetitions: int) -> dict[str, Any]:
    """The result file: each figure says for how many cases it is."""
    figures = [{**each, "cases": cases} for cases, figure in found for each in as_json([figure])]
    return {**result((), repetitions=repetitions, full=False), "figures": figures}


def pictures(run: Mapping[str, Any]) -> dict[str, str]:
    """File name and SVG for each figure of a result file."""
    made = {}
    for scenario, name in dict.fromkeys((f["scenario"], f["name"]) for f in run["figures"]):
        mine = [f for f in run["figures"] if (f["scenario"], f["name"]) == (scenario, name)]
        points = [Point(f["cases"], f["values"], f["limit"]) for f in sorted(mine, key=lambda f: f["cases"])]
        made[picture_name(scenario, name)] = draw(name, mine[0]["unit"], points, mine[0]["goal"])
    return made


def picture_name(scenario: str, name: str) -> str:
    return "-".join([scenario, *re.findall(r"[a-z0-9]+", name.lower())]) + ".svg"


def markdown(run: Mapping[str, Any], folder: Path = Path()) -> str:
    """A row for each figure, which leads to its picture in the folder, and a column for each size."""
    sizes = sorted({f["cases"] for f in run["figures"]})
    rows = [
        "| figure | " + " | ".join(f"{cases:,} cases" for cases in sizes) + " | last to first |",
        "|---" * (len(sizes) + 2) + "|",
    ]
    for scenario, name in dict.fromkeys((f["scenario"], f["name"]) for f in run["figures"]):
        mine = {f["cases"]: f for f in run["figures"] if (f["scenario"], f["name"]) == (scenario, name)}
        cells = [f"{amount(mine[c]['median'])} {mine[c]['unit']}" if c in mine else "–" for c in sizes]
        first, last = mine[min(mine)]["median"], mine[max(mine)]["median"]
        shown = f"[{name}]({folder / picture_name(scenario, name)})"
        rows.append(f"| {shown} | {' | '.join(cells)} | {f'{last / first:.2f}' if first else '–'} |")
    return "\n".join(rows)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--scales", default="1,4,16", help="how many units of cases are stored, one after another")
    arguments.add_argument("--unit", type=int, default=UNIT, help="cases of a unit; each leaves about ten postings")
    arguments.add_argument("--only", default=",".join(SUITED), help="scenarios, separated by commas")
    arguments.add_argument("--repetitions", type=int, default=3)
    arguments.add_argument("--folder", type=Path, default=Path(".wangge/growth"), help="made anew")
    arguments.add_argument("--size", type=int, help="of a repetition of each scenario, instead of the usual ones")
    chosen = arguments.parse_args()
    sizes = sorted({int(scale) * chosen.unit for scale in chosen.scales.split(",")})
    names = chosen.only.split(",")
    if unknown := set(names) - set(SCENARIOS):
        arguments.error(f"there is no scenario {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    if sizes[-1] > MOST:
        arguments.error(f"{sizes[-1]:,} cases are more than {MOST:,}")
    folder: Path = chosen.folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)

    def keep(found: Found) -> None:
        run = kept(found, chosen.repetitions)
        (folder / "result.json").write_text(json.dumps(run, ensure_ascii=False, indent=1), encoding="utf-8")
        for name, picture in pictures(run).items():
            (folder / name).write_text(picture, encoding="utf-8")
        print(markdown(run), flush=True)

    with LocalSystem(folder / "street", settings=QUIET) as street:
        grow(street, sizes, names, chosen.repetitions, chosen.size, keep)
    print(f"result.json and the pictures are in {folder}")


if __name__ == "__main__":
    main()
