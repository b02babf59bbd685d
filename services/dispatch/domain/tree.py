"""The grid tree of a street, packed: a province has hundreds of thousands of units, and few are looked at at a time."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from libs.contracts.words import Level, OrgKind
from services.dispatch.domain.borders import Borders

LEVELS = (Level.STREET, Level.COMMUNITY, Level.GRID, Level.MICRO_GRID)
DEPTH = {level: depth for depth, level in enumerate(LEVELS)}
REMEMBERED = 20_000
"""Units that stay unpacked: all of a street's."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A street, community, grid or micro-grid, and the party organisation that answers for it."""

    code: str
    level: Level
    parent: str | None
    name: str
    org_id: str
    org_kind: OrgKind
    org_name: str
    aliases: tuple[str, ...] = ()


_LEVEL_OF = {level.encode(): depth for level, depth in DEPTH.items()}
_ORG_KINDS = {str(kind): kind for kind in OrgKind}


def pack(unit: Unit) -> bytes:
    """A line of the packed tree, as the query of the units makes it too."""
    aliases = json.dumps(unit.aliases, ensure_ascii=False)
    cells = (unit.code, unit.level, unit.parent or "", unit.name, aliases, unit.org_id, unit.org_kind, unit.org_name)
    return "\t".join(cells).encode()


def as_array(borders: Sequence[BaseGeometry | None]) -> NDArray[Any]:
    """Borders as shapely takes them; NumPy would look into a sequence of geometries for numbers."""
    array_of_objects = np.empty(len(borders), dtype=object)
    array_of_objects[:] = borders
    return array_of_objects


class GridTree(Mapping[str, Unit]):
    """Units by code. `lines` are packed units, `borders` their borders or None, in the same sequence: by code.

    A unit's index is its place in that sequence, and the lower code has the lower index.
    """

    def __init__(self, lines: Sequence[bytes], borders: NDArray[Any]) -> None:
        cells = [line.split(b"\t", 3) for line in lines]
        codes = np.array([cell[0] for cell in cells], dtype="S16")
        parents = np.searchsorted(codes, np.array([cell[2] or cell[0] for cell in cells], dtype="S16"))
        # As arrays of plain integers: an object for each would take more than the rest.
        self._depths = bytes(_LEVEL_OF[cell[1]] for cell in cells)
        self._parents = array("i", parents.astype(np.int32).tobytes())
        self._codes = codes
        self._text = b"\n".join(lines)
        ends = np.cumsum(np.fromiter(map(len, lines), np.int64, len(lines)) + 1)
        self._ends = array("q", ends.tobytes())
        self.borders = borders
        self.unit = lru_cache(REMEMBERED)(self._unpacked)
        self._index_of = lru_cache(REMEMBERED)(self._searched)

    @classmethod
    def of(cls, units: Iterable[Unit], borders: Mapping[str, BaseGeometry]) -> GridTree:
        """The tree of units that are at hand, with the borders of those that have one."""
        ordered = sorted(units, key=lambda unit: unit.code)
        return cls([pack(unit) for unit in ordered], as_array([borders.get(unit.code) for unit in ordered]))

    def changed(self, lines: Sequence[bytes], borders: NDArray[Any]) -> GridTree:
        """This tree with those units as they now are, new ones among them. The map is kept if no border differs."""
        all_lines, all_borders, mapped = self._text.split(b"\n"), [*self.borders], "map" in self.__dict__
        for line, border in zip(lines, borders, strict=True):
            try:
                index = self.index(line.split(b"\t", 1)[0].decode())
            except KeyError:
                all_lines.append(line)
                all_borders.append(border)
                mapped = False
            else:
                mapped = mapped and _same(border, all_borders[index])
                all_lines[index], all_borders[index] = line, border
        if len(all_lines) > len(self):
            order = sorted(range(len(all_lines)), key=all_lines.__getitem__)
            all_lines, all_borders = [all_lines[at] for at in order], [all_borders[at] for at in order]
        tree = GridTree(all_lines, as_array(all_borders))
        if mapped:
            tree.map = self.map
        return tree

    @cached_property
    def map(self) -> Borders:
        return Borders(self.borders)

    def __getitem__(self, code: str) -> Unit:
        return self.unit(self._index_of(code))

    def __iter__(self) -> Iterator[str]:
        return (code.decode() for code in self._codes.tolist())

    def __len__(self) -> int:
        return len(self._codes)

    def index(self, code: str) -> int:
        """Raises KeyError."""
        return self._index_of(code)

    def level(self, index: int) -> Level:
        return LEVELS[self._depths[index]]

    def above(self, index: int, level: Level) -> int:
        """The unit of that level above (or at) the unit; the unit itself when it is higher already."""
        depth = DEPTH[level]
        while self._depths[index] > depth:
            index = self._parents[index]
        return index

    def indexes_above(self, index: int) -> Iterator[int]:
        """The unit and those above it, from the bottom to the street."""
        yield index
        while self._depths[index]:
            index = self._parents[index]
            yield index

    def codes_above(self, index: int) -> list[str]:
        return [self.unit(above).code for above in self.indexes_above(index)]

    def of_level(self, level: Level) -> Iterator[Unit]:
        """The units of a level by code."""
        return map(self._unpacked, self.indexes_of(level))

    def indexes_of(self, level: Level) -> Iterator[int]:
        depth = DEPTH[level]
        return (index for index, each in enumerate(self._depths) if each == depth)

    def _unpacked(self, index: int) -> Unit:
        start = self._ends[index - 1] if index else 0
        cells = self._text[start : self._ends[index] - 1].decode().split("\t")
        code, _, parent, name, aliases, org_id, org_kind, org_name = cells
        others = () if aliases == "[]" else tuple(json.loads(aliases))
        return Unit(code, self.level(index), parent or None, name, org_id, _ORG_KINDS[org_kind], org_name, others)

    def _searched(self, code: str) -> int:
        wanted = code.encode()
        index = int(np.searchsorted(self._codes, wanted))
        if index == len(self._codes) or self._codes[index] != wanted:
            raise KeyError(code)
        return index


def _same(border: BaseGeometry | None, other: BaseGeometry | None) -> bool:
    """The very same point for point, which the map's answers depend on."""
    return border is other or (border is not None and other is not None and border.equals_exact(other, normalize=False))
