"""One map in a process of its own: seconds until it is ready, the memory that it takes, and the time of a point.

Arguments: `service` or `bare`, the address of dispatch's database, the tenant, and how many points.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import asyncpg
import numpy as np
import shapely

from deploy.local.system import TENANT
from libs.chassis.db.database import connect, transaction
from libs.contracts.values import Place, Point
from services.dispatch.routing.domain import RoutingRequest, Unrouted, route_all
from services.dispatch.street import tables as streets
from tests.bench.measure import memory_mib
from tests.bench.place import categories
from tests.bench.routing import BOX
from tests.support.stage import NOON

BATCH = 200

Points = list[tuple[float, float]]
Locate = Callable[[Any], int]
"""How many points of a batch were found; batches are made before, as they come to the service decoded."""


def main(which: str, url: str, tenant: str, count: int) -> None:
    rng = np.random.default_rng(2)
    west, south, east, north = BOX
    # Off the edge of the map, which is shaken: each point lies in a micro-grid.
    points = [tuple(p) for p in rng.uniform((west + 0.5, south + 0.5), (east - 0.5, north - 0.5), (count, 2)).tolist()]
    chunks = [points[n : n + BATCH] for n in range(0, count, BATCH)]
    batches = chunks if which == "bare" else [_cases(chunk) for chunk in chunks]
    gc.collect()
    before = memory_mib(os.getpid())
    started = time.perf_counter()
    locate = asyncio.run({"service": service, "bare": bare}[which](url, tenant))
    locate(batches[0])
    ready = time.perf_counter() - started
    gc.collect()
    after = memory_mib(os.getpid())
    started = time.perf_counter()
    found = sum(map(locate, batches))
    seconds = time.perf_counter() - started
    if found != count:
        raise ValueError(f"{found} of {count} points were found")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seen = {"µs": seconds / count * 1e6, "MiB": after - before, "s": ready, "most MiB": most - before}
    print(json.dumps(seen))


def _cases(points: Points) -> list[RoutingRequest]:
    known = categories()
    return [
        RoutingRequest(known[n % len(known)], Place(point=Point(longitude=x, latitude=y)), NOON)
        for n, (x, y) in enumerate(points)
    ]


async def service(url: str, tenant: str) -> Locate:
    """As the service does it: the street from the tables, then decisions."""
    engine = connect(url, pool_size=2)
    async with transaction(engine) as db:
        loaded = await streets.streets_for(db, [tenant, TENANT])
    await engine.close()
    street = replace(loaded[tenant], responsibilities=loaded[TENANT].responsibilities)

    def locate(cases: list[RoutingRequest]) -> int:
        return sum(not isinstance(routed, Unrouted) for routed in route_all(cases, street))

    return locate


async def bare(url: str, tenant: str) -> Locate:
    """Borders and codes, and shapely's index."""
    db = await asyncpg.connect(url)
    rows = await db.fetch("SELECT code, border FROM units WHERE tenant = $1 AND border IS NOT NULL", tenant)
    await db.close()
    codes = np.array([row["code"] for row in rows])
    tree = shapely.STRtree(shapely.from_wkb([row["border"] for row in rows]))

    def locate(points: Points) -> int:
        inputs, units = tree.query(shapely.points(np.array(points)), predicate="intersects")
        named: Any = codes[units]
        return len({*inputs.tolist()}) if len(named) else 0

    return locate


if __name__ == "__main__":
    _, wanted, address, wanted_tenant, points_count = sys.argv
    main(wanted, address, wanted_tenant, int(points_count))
