"""The units of the demonstration street: real village names and codes, made-up borders, communities and former names.

Codes are digits and unique; they compare as text:

- street: 9 digits, 370784004
- community: street + 2 digits, 11 digits, 37078400401
- grid of a village: the village's official 12 digits, 370784004215
- urban or industrial grid: community + 2 digits, 13 digits, 3707840040101
- micro-grid: its grid's code + 2 digits, 14 or 15 digits

A village's official code does not hold its community's, so the tree is `parent`, not the code's beginning.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Literal

Level = Literal["street", "community", "grid", "micro_grid"]
Point = tuple[float, float]

DIVISIONS = Path(__file__).parent / "divisions.csv"

COMMUNITIES = ("春晖", "和顺", "长乐", "安澜", "永宁", "丰泽", "兴业", "景和", "明德", "同心")
# The first three communities hold two of these each, the other seven one.
URBAN_GRIDS = (
    "凌河商贸区",
    "凌河工业园",
    "新城花园",
    "物流园区",
    "农贸市场片区",
    "汽车站片区",
    "建材市场片区",
    "食品产业园",
    "滨河公寓",
    "镇北小区",
    "文化广场片区",
    "职教园区",
    "冷链产业园",
)
# Made up; keyed by the village's name without 村委会.
FORMER_NAMES = {
    "大儒林": ("儒林大疃", "古槐集"),
    "西儒林": ("儒林西疃",),
    "儒林": ("儒林老街",),
    "凌河": ("凌水驿",),
    "大路": ("官道铺",),
    "水泊": ("芦花泊",),
    "泉子崖": ("甘泉崖",),
    "后松元": ("后松园屯",),
    "东兵马营": ("东营盘",),
    "老兵马营": ("老营盘",),
    "簸箕掌": ("簸箕洼屯",),
    "石榴沟": ("榴花沟",),
    "龙湾崖": ("龙湾渡",),
    "马姚": ("马姚屯",),
}

WEST, SOUTH, EAST, NORTH = 119.0, 36.25, 119.2, 36.45
COLUMNS, ROWS = 32, 26  # one cell per micro-grid: 832
BAND_ROWS = 2
SMALLEST_GRID, LARGEST_GRID = 4, 7


@dataclass(frozen=True, slots=True)
class GridUnit:
    """`ring` is the closed border of a micro-grid as (longitude, latitude) in WGS84, empty for other levels."""

    code: str
    level: Level
    parent: str | None
    name: str
    aliases: tuple[str, ...] = ()
    ring: tuple[Point, ...] = ()


def build_units(rng: Random) -> tuple[GridUnit, ...]:
    """Street, communities, grids and micro-grids, in this order and by code within each."""
    divisions = list(csv.DictReader(DIVISIONS.read_text(encoding="utf-8").splitlines()))
    street = next(GridUnit(row["code"], "street", None, row["name"]) for row in divisions if row["kind"] == "street")
    villages = [(row["code"], row["name"]) for row in divisions if row["kind"] == "village"]
    communities = [
        GridUnit(f"{street.code}{number:02d}", "community", street.code, f"{name}社区", (f"{name}社区",))
        for number, name in enumerate(COMMUNITIES, start=1)
    ]
    grids = _grids(communities, villages)
    micro_grids = _micro_grids(grids, rng)
    in_order = (sorted(units, key=lambda unit: unit.code) for units in (communities, grids, micro_grids))
    return (street, *(unit for units in in_order for unit in units))


def plain_village_name(official_name: str) -> str:
    return official_name.removesuffix("委会").removesuffix("村")


def _grids(communities: list[GridUnit], villages: list[tuple[str, str]]) -> list[GridUnit]:
    """Grids in the order in which they lie side by side: each community's villages, then its urban grids."""
    grids: list[GridUnit] = []
    urban_names = list(URBAN_GRIDS)
    for number, community in enumerate(communities):
        urban_count = 2 if number < 3 else 1
        first, last = (len(villages) * edge // len(communities) for edge in (number, number + 1))
        grids += [_village_grid(code, name, community.code) for code, name in villages[first:last]]
        grids += [
            GridUnit(f"{community.code}{sequence:02d}", "grid", community.code, f"{name}网格", (name,))
            for sequence, name in enumerate(urban_names[:urban_count], start=1)
        ]
        del urban_names[:urban_count]
    return grids


def _village_grid(code: str, official_name: str, community: str) -> GridUnit:
    plain = plain_village_name(official_name)
    aliases = (plain, f"{plain}村", official_name, *FORMER_NAMES.get(plain, ()))
    return GridUnit(code, "grid", community, f"{plain}村网格", aliases)


def _micro_grids(grids: list[GridUnit], rng: Random) -> list[GridUnit]:
    rings = iter(_rings_along_the_path(rng))
    return [
        GridUnit(
            code=f"{grid.code}{sequence:02d}",
            level="micro_grid",
            parent=grid.code,
            name=f"{grid.name.removesuffix('网格')}第{sequence}微网格",
            ring=next(rings),
        )
        for grid, size in zip(grids, _grid_sizes(len(grids), rng), strict=True)
        for sequence in range(1, size + 1)
    ]


def _grid_sizes(count: int, rng: Random) -> list[int]:
    """How many micro-grids each grid has; together exactly one per cell."""
    sizes = [rng.randint(SMALLEST_GRID, LARGEST_GRID) for _ in range(count)]
    while surplus := sum(sizes) - COLUMNS * ROWS:
        at = rng.randrange(count)
        changed = sizes[at] - (1 if surplus > 0 else -1)
        if SMALLEST_GRID <= changed <= LARGEST_GRID:
            sizes[at] = changed
    return sizes


def _rings_along_the_path(rng: Random) -> list[tuple[Point, ...]]:
    """The cells of a jittered lattice, in an order in which every run of four or more is one piece.

    Neighbours take their common border from the same vertices, so borders coincide to the last digit.
    """
    width, height = (EAST - WEST) / COLUMNS, (NORTH - SOUTH) / ROWS

    def jittered(longitude: float, latitude: float, share: float) -> Point:
        shift_x, shift_y = (rng.uniform(-share, share) for _ in range(2))
        return round(longitude + shift_x * width, 6), round(latitude + shift_y * height, 6)

    corner = {
        (x, y): jittered(WEST + x * width, SOUTH + y * height, 0.2) for x in range(COLUMNS + 1) for y in range(ROWS + 1)
    }

    def bend(start: Point, end: Point) -> Point:
        return jittered((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, 0.07)

    along = {(x, y): bend(corner[x, y], corner[x + 1, y]) for x in range(COLUMNS) for y in range(ROWS + 1)}
    up = {(x, y): bend(corner[x, y], corner[x, y + 1]) for x in range(COLUMNS + 1) for y in range(ROWS)}
    return [
        (
            corner[x, y],
            along[x, y],
            corner[x + 1, y],
            up[x + 1, y],
            corner[x + 1, y + 1],
            along[x, y + 1],
            corner[x, y + 1],
            up[x, y],
            corner[x, y],
        )
        for x, y in _path()
    ]


def _path() -> list[tuple[int, int]]:
    """Up the western half in bands, down the eastern, so that grids and communities are compact."""
    bands = range(0, ROWS, BAND_ROWS)
    west, east = range(COLUMNS // 2), range(COLUMNS // 2, COLUMNS)
    up = [(west, range(bottom, bottom + BAND_ROWS)) for bottom in bands]
    down = [(east, range(bottom + BAND_ROWS - 1, bottom - 1, -1)) for bottom in reversed(bands)]
    return [
        (x, y)
        for half in (up, down)
        for number, (columns, rows) in enumerate(half)
        for x in (columns if number % 2 == 0 else reversed(columns))
        for y in rows
    ]


def outer_edges(units: Sequence[GridUnit]) -> list[tuple[Point, Point]]:
    """The pieces of border that belong to one micro-grid only, anticlockwise: outside lies on their right."""
    edges = [edge for unit in units for edge in pairwise(unit.ring)]
    known = set(edges)
    return [(start, end) for start, end in edges if (end, start) not in known]
