"""`make run`: the demonstration street on this machine, until Ctrl-C."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import NoReturn

from deploy.local.servers.machine import LocalServerFailure
from deploy.local.system import TENANT, LocalSystem, last_lines

FOLDER = Path(".wangge")

REPORT = {
    "tenant": TENANT,
    "category": "11001",
    "text": "大儒林村东头的路灯连着两晚不亮，走夜路看不清。",
    "place": {"name": "大儒林"},
    "contact": {"email": "resident@residents.example", "language": "zh"},
}


def main() -> NoReturn:
    with LocalSystem(FOLDER, usual_ports=True, say=print) as local:
        show(local)
        watch(local)


def watch(local: LocalSystem) -> NoReturn:
    """Until a signal, or until something ends that should not: then raises LocalServerFailure."""
    while (dead := local.first_dead()) is None:
        time.sleep(0.2)
    name = dead.log.stem
    raise LocalServerFailure(
        f"{name} has ended, so everything was stopped. The end of its log, {dead.log}:\n{last_lines(dead.log_tail())}"
    )


def show(local: LocalSystem) -> None:
    incident = local.urls["incident"]
    print("\nThe street is open.\n")
    for name, url in local.urls.items():
        print(f"  {name:9} {url}/docs")
    print(f"  {'NATS':9} {local.servers.addresses.nats_url}")
    print(f"  {'databases':9} {local.database_url('<service>')}")
    print(f"  {'mail':9} {local.folder / 'mail'}")
    print(f"  {'logs':9} {local.folder / 'log'}")
    print("\nReport something:\n")
    print(f"  curl -s {incident}/v1/reports -H 'Content-Type: application/json' -H 'Idempotency-Key: my-report-1' \\")
    print(f"    -d '{json.dumps(REPORT, ensure_ascii=False)}'")
    print("\nFollow it, with the tracking code of the answer:\n")
    print(f"  curl -s {incident}/v1/track/THE-TRACKING-CODE")
    print("\nLook at it with wangge, in another terminal:\n")
    print(f"  . {FOLDER / 'env'} && .venv/bin/wangge case show THE-CASE-NUMBER --tenant {TENANT}")
    print("\nCtrl-C ends everything.")
