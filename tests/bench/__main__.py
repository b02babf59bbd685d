"""`make bench`: each figure beside its goal and beside what bare libraries did in the same run."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import uvloop

from deploy.local.local_street import LocalStreet
from deploy.local.servers import Servers
from tests.bench import scenarios
from tests.bench.measure import Figure, as_json, machine, show

FOLDER = Path(".wangge/bench")
# What is measured is queueing: the senders rest meanwhile.
SETTINGS = {"WANGGE_LOG_LEVEL": "WARNING", "WANGGE_SEND_POLL_SECONDS": "600"}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repetitions", type=int, default=3)
    arguments.add_argument("--count", type=int, default=20_000, help="events or requests of a repetition")
    chosen = arguments.parse_args()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    figures: list[Figure] = []
    with Servers(FOLDER / "hop") as servers:
        servers.create_database("admin")
        figures.append(uvloop.run(scenarios.consumer_hop(servers, chosen.repetitions, chosen.count)))
    show(figures)
    with LocalStreet(FOLDER / "street", settings=SETTINGS) as street:
        figures.append(scenarios.idle_memory(street))
        figures.append(uvloop.run(scenarios.report_to_notification(street, chosen.repetitions, chosen.count // 2)))
        show(figures[1:])
        figures += uvloop.run(scenarios.http_intake(street, chosen.repetitions, chosen.count))
    show(figures)
    result = FOLDER / "result.json"
    result.write_text(json.dumps({"machine": machine(), "figures": as_json(figures)}, ensure_ascii=False, indent=1))
    print(f"written to {result}")


if __name__ == "__main__":
    main()
