"""Routing a point with all its reasons, on maps of a street, a province and a country, each in a process of its own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import asyncpg
import numpy as np
import shapely
from numpy.typing import NDArray

from tests.bench.measure import Figure
from tests.bench.place import Place

STREET, PROVINCE, COUNTRY = 832, 400_000, 3_500_000
MICRO_GRIDS_OF_A_GRID, GRIDS_OF_A_COMMUNITY = 6, 14
BOX = (114.8, 34.4, 122.7, 38.4)
"""West, south, east and north, in degrees: about Shandong's."""
SHAKE = 0.3
"""Corners lie off their lattice by up to so much of a cell."""
CHUNK = 50_000
UNITS = ("tenant", "code", "level", "parent", "name", "aliases", "org_id", "org_kind", "org_name", "border")
ORGS = {"street": "street_committee", "community": "community_org", "grid": "branch", "micro_grid": "party_group"}


async def routing(place: Place, repetitions: int, size: int) -> list[Figure]:
    return await _maps(place, repetitions, size, (STREET, PROVINCE))


async def routing_in_the_country(place: Place, repetitions: int, size: int) -> list[Figure]:
    """Too large for a machine with little memory or little time."""
    return await _maps(place, repetitions, size, (COUNTRY,))


async def _maps(place: Place, repetitions: int, size: int, sizes: tuple[int, ...]) -> list[Figure]:
    """`size` points, all over the map, in batches as messages come."""
    await place.run()
    url = place.street.database_url("dispatch")
    figures: list[Figure] = []
    for micro_grids in sizes:
        tenant = f"99{micro_grids:07d}"
        await _fill(url, tenant, micro_grids)
        bound = micro_grids == PROVINCE
        point = Figure(f"routing a point among {micro_grids:,}", "µs", size, 20 if bound else None, True)
        memory = Figure(f"memory of a map of {micro_grids:,}", "MiB", micro_grids, 512 if bound else None, True)
        ready = Figure(f"a map of {micro_grids:,} ready", "s", micro_grids, 10 if bound else None, True)
        point.limit_is = memory.limit_is = ready.limit_is = "asyncpg, shapely's STRtree alone, no reasons"
        for _ in range(repetitions):
            bare = await _in_a_process("bare", url, tenant, size)
            seen = await _in_a_process("service", url, tenant, size)
            for figure in (point, memory, ready):
                figure.limit.append(bare[figure.unit])
                figure.add(seen[figure.unit], {"at its most MiB": seen["most MiB"]} if figure is memory else None)
        await _forget(url, tenant)
        figures += [point, memory, ready]
    return figures


async def _in_a_process(which: str, url: str, tenant: str, points: int) -> dict[str, Any]:
    arguments = [sys.executable, "-m", "tests.bench.routing_map", which, url, tenant, str(points)]
    done = await asyncio.to_thread(subprocess.run, arguments, stdout=subprocess.PIPE, check=True)
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


async def _fill(url: str, tenant: str, micro_grids: int) -> None:
    """A tree of that many micro-grids, straight into dispatch's tables."""
    db = await asyncpg.connect(url)
    # A map that is made for the bench refers to nothing that is not there: half the time would go into looking.
    await db.execute("SET session_replication_role = replica")
    await db.execute("INSERT INTO streets (tenant, version) VALUES ($1, 1)", tenant)
    borders = shapely.to_wkb(_borders(micro_grids))
    units = _units(tenant, borders)
    while chunk := list(islice(units, CHUNK)):
        await db.copy_records_to_table("units", records=chunk, columns=UNITS)
    there = await db.fetchval("SELECT count(*) FROM units WHERE tenant = $1 AND level = 'micro_grid'", tenant)
    if there != micro_grids:
        raise ValueError(f"{there} of {micro_grids} micro-grids are in the tables: the map has holes")
    await db.execute("ANALYZE units")
    await db.close()


async def _forget(url: str, tenant: str) -> None:
    db = await asyncpg.connect(url)
    await db.execute("SET session_replication_role = replica")
    await db.execute("DELETE FROM units WHERE tenant = $1", tenant)
    await db.execute("DELETE FROM streets WHERE tenant = $1", tenant)
    await db.close()


def _units(tenant: str, borders: NDArray[Any]) -> Iterator[tuple[object, ...]]:
    """From the top to the bottom; a code's length tells its level."""

    def unit(code: str, level: str, parent: str | None, name: str, border: bytes | None = None) -> tuple[object, ...]:
        return (tenant, code, level, parent, name, "[]", f"P{code}", ORGS[level], f"{name}党组织", border)

    yield unit(tenant, "street", None, "全图")
    grids = -(-len(borders) // MICRO_GRIDS_OF_A_GRID)
    for n in range(-(-grids // GRIDS_OF_A_COMMUNITY)):
        yield unit(f"{tenant}{n:05d}", "community", tenant, f"社区{n}")
    for n in range(grids):
        yield unit(f"{tenant}{n:06d}", "grid", f"{tenant}{n // GRIDS_OF_A_COMMUNITY:05d}", f"网格{n}")
    for n, border in zip(count(), borders):
        yield unit(f"{tenant}{n:07d}", "micro_grid", f"{tenant}{n // MICRO_GRIDS_OF_A_GRID:06d}", f"微网格{n}", border)


def _borders(many: int) -> NDArray[Any]:
    """Polygons of eight corners that share them with their neighbours, as `many` cells of a lattice that is shaken."""
    columns = int(np.ceil(np.sqrt(many)))
    rows = -(-many // columns)
    west, south, east, north = BOX
    # Twice as fine as the cells: their corners and the middles of their sides.
    lattice = np.stack(np.meshgrid(np.arange(2 * columns + 1.0), np.arange(2 * rows + 1.0)), axis=-1)
    lattice += np.random.default_rng(1).uniform(-SHAKE, SHAKE, lattice.shape)
    lattice *= ((east - west) / (2 * columns), (north - south) / (2 * rows))
    lattice += (west, south)
    around = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0), (0, 0))
    rings = [lattice[dy : dy + 2 * rows : 2, dx : dx + 2 * columns : 2].reshape(-1, 2)[:many] for dy, dx in around]
    return np.asarray(shapely.polygons(np.stack(rings, axis=1)))
