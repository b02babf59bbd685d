"""Points to micro-grids: the one that holds it, on a border the lower code, outside the nearest within 500 m."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

NEAREST_METRES = 500.0
METRES_PER_DEGREE = 111_320.0


class Touched(NamedTuple):
    unit: int
    metres: float


class Located(NamedTuple):
    """The unit, by its index in the tree, that a point lies in or that is nearest; `metres` is 0 inside.

    `touched`: where the point is only good to some metres, all units that it may lie in, the nearest first.
    """

    unit: int
    metres: float
    touched: tuple[Touched, ...] = ()


class Borders:
    """The map of a street: an index of the borders of its micro-grids; a unit without one is None."""

    def __init__(self, borders: NDArray[Any]) -> None:
        self._tree = shapely.STRtree(borders)

    def locate(self, points: Sequence[tuple[float, float]]) -> list[Located | None]:
        """For each (longitude, latitude) where it is; None when nothing is near enough."""
        if not points:
            return []
        inputs, units = self._tree.query(shapely.points(np.asarray(points, dtype=float)), predicate="intersects")
        nowhere = len(self._tree.geometries)
        lowest = np.full(len(points), nowhere)
        np.minimum.at(lowest, inputs, units)
        return [
            Located(unit, 0.0) if unit < nowhere else self._nearest(*point)
            for unit, point in zip(lowest.tolist(), points, strict=True)
        ]

    def touched(self, longitude: float, latitude: float, within_metres: float) -> tuple[Touched, ...]:
        """Units that a circle touches, the nearest first; further than `NEAREST_METRES` nobody looks."""
        return tuple(Touched(unit, metres) for metres, unit in self._near(longitude, latitude, within_metres))

    def _nearest(self, longitude: float, latitude: float) -> Located | None:
        near = self._near(longitude, latitude, NEAREST_METRES)
        return Located(near[0][1], near[0][0]) if near else None

    def _near(self, longitude: float, latitude: float, within_metres: float) -> list[tuple[float, int]]:
        """(metres, unit) by metres on the ground: a degree of longitude is shorter than one of latitude."""
        most = min(within_metres, NEAREST_METRES)
        reach = most / METRES_PER_DEGREE
        shrink = max(float(np.cos(np.radians(latitude))), 0.01)
        box = shapely.box(longitude - reach / shrink, latitude - reach, longitude + reach / shrink, latitude + reach)
        near = self._tree.query(box)
        if not len(near):
            return []
        scale = np.array([shrink * METRES_PER_DEGREE, METRES_PER_DEGREE])
        here = shapely.points(np.array([longitude, latitude]) * scale)
        flat = shapely.transform(self._tree.geometries[near], lambda xy: xy * scale)
        found = zip(shapely.distance(flat, here), near, strict=True)
        measured = sorted((round(float(metres), 3), int(unit)) for metres, unit in found)
        return [each for each in measured if each[0] <= most]
