"""`make bench`: each figure beside its goal and beside what bare libraries did in the same run."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import uvloop

from deploy.local.system import LocalSystem
from tests.bench.measure import Figure, result, show
from tests.bench.place import QUIET, Place
from tests.bench.scenarios import SCENARIOS


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--only", help=f"of {','.join(SCENARIOS)}, separated by commas")
    arguments.add_argument("--repetitions", type=int, default=3)
    arguments.add_argument("--size", type=int, help="of a repetition of each scenario, instead of the usual ones")
    arguments.add_argument("--folder", type=Path, default=Path(".wangge/bench"), help="made anew")
    arguments.add_argument("--full", action="store_true", help="the sizes that take an hour")
    chosen = arguments.parse_args()
    names = (
        chosen.only.split(",") if chosen.only else [n for n in SCENARIOS if chosen.full or not SCENARIOS[n].only_full]
    )
    if unknown := set(names) - set(SCENARIOS):
        arguments.error(f"there is no scenario {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    shutil.rmtree(chosen.folder, ignore_errors=True)
    chosen.folder.mkdir(parents=True)
    figures: list[Figure] = []
    kept = chosen.folder / "result.json"
    with LocalSystem(chosen.folder / "street", settings=QUIET) as street:
        place = Place(street)
        for name in names:
            scenario = SCENARIOS[name]
            size = chosen.size or (scenario.full_size if chosen.full else scenario.size)
            made = uvloop.run(scenario.run(place, chosen.repetitions, size))
            for figure in made:
                figure.scenario = name
            figures += made
            show(made)
            so_far = result(figures, repetitions=chosen.repetitions, full=chosen.full)
            kept.write_text(json.dumps(so_far, ensure_ascii=False, indent=1))
    print(f"written to {kept}")


if __name__ == "__main__":
    main()
