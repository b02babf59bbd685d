"""The grid tree of a street, packed: a province has hundreds of thousands of units, and few are looked at at a time."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from libs.contracts.values import Level, OrgKind
from services.dispatch.grid.domain.borders import Borders

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


class Packed(NamedTuple):
    """Units by code, in columns: `text` has a line for each, `lengths` are those; a street is its own parent."""

    codes: NDArray[np.bytes_]
    parents: NDArray[np.bytes_]
    depths: NDArray[np.uint8]
    lengths: NDArray[np.int64]
    text: bytes
    borders: NDArray[Any]

    @classmethod
    def of(cls, lines: Sequence[bytes], borders: NDArray[Any]) -> Packed:
        """From lines as `pack` makes them, and their borders or None in the same sequence."""
        cells = [line.split(b"\t", 3) for line in lines]
        return cls(
            np.array([cell[0] for cell in cells], dtype="S16"),
            np.array([cell[2] or cell[0] for cell in cells], dtype="S16"),
            np.array([_LEVEL_OF[cell[1]] for cell in cells], dtype=np.uint8),
            np.fromiter(map(len, lines), np.int64, len(lines)) + 1,
            b"".join(line + b"\n" for line in lines),
            borders,
        )

    @classmethod
    def joined(cls, parts: Sequence[Packed]) -> Packed:
        """One after another: a large tree is packed in parts, while it is being read."""
        codes, parents, depths, lengths, text, borders = zip(*parts or [cls.of([], as_array([]))], strict=True)
        return cls(
            np.concatenate(codes),
            np.concatenate(parents),
            np.concatenate(depths),
            np.concatenate(lengths),
            b"".join(text),
            np.concatenate(borders),
        )

    def changed(self, by: Packed) -> Packed:
        """With those units as they are there."""
        both = Packed.joined([self, by])
        order = np.argsort(both.codes, kind="stable")
        ordered = both.codes[order]
        # Of two with the same code the later one stands last.
        order = order[np.append(ordered[1:] != ordered[:-1], True)]
        text, ends = memoryview(both.text), np.cumsum(both.lengths)
        # What still stands together is copied together: a large tree with few changes in a few pieces.
        first = np.flatnonzero(np.diff(order, prepend=-2) != 1)
        starts, stops = (ends - both.lengths)[order[first]], ends[order[np.append(first[1:], len(order)) - 1]]
        return Packed(
            both.codes[order],
            both.parents[order],
            both.depths[order],
            both.lengths[order],
            b"".join(text[start:stop] for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)),
            both.borders[order],
        )


class GridTree(Mapping[str, Unit]):
    """Units by code.

    A unit's index is its place in that sequence, and the lower code has the lower index.
    """

    def __init__(self, units: Packed) -> None:
        # As arrays of plain integers: an object for each would take more than the rest.
        self._depths = units.depths.tobytes()
        self._parents = array("i", np.searchsorted(units.codes, units.parents).astype(np.int32).tobytes())
        self._ends = array("q", np.cumsum(units.lengths).tobytes())
        self._codes = units.codes
        self._text = units.text
        self.borders = units.borders
        self.unit = lru_cache(REMEMBERED)(self._unpacked)
        self._index_of = lru_cache(REMEMBERED)(self._searched)

    @classmethod
    def of(cls, units: Iterable[Unit], borders: Mapping[str, BaseGeometry]) -> GridTree:
        """The tree of units that are at hand, with the borders of those that have one."""
        ordered = sorted(units, key=lambda unit: unit.code)
        return cls(Packed.of([pack(unit) for unit in ordered], as_array([borders.get(u.code) for u in ordered])))

    def changed(self, units: Packed) -> GridTree:
        """This tree with those units as they now are, new ones among them. The map is kept if no border differs."""
        tree = GridTree(self._packed().changed(units))
        if "map" in self.__dict__ and len(tree) == len(self):
            here = self.borders[np.searchsorted(self._codes, units.codes)]
            if all(map(_same, units.borders, here)):
                tree.map = self.map
        return tree

    def _packed(self) -> Packed:
        ends = np.frombuffer(self._ends, np.int64)
        return Packed(
            self._codes,
            self._codes[np.frombuffer(self._parents, np.int32)],
            np.frombuffer(self._depths, np.uint8),
            ends - np.append(0, ends[:-1]),
            self._text,
            self.borders,
        )

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
