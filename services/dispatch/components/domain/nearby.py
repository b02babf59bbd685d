"""Which of many points is nearest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import shapely

from services.dispatch.grid.domain.borders import METRES_PER_DEGREE


class Near(NamedTuple):
    code: str
    metres: float


class Nearby:
    """An index of points by their codes, made once for a kind and a version of the inventory.

    In it the ground is flat, with the length of a degree of longitude at the middle of the points: over a street that
    is wrong by less than a thousandth.
    """

    def __init__(self, codes: Sequence[str], longitudes: Sequence[float], latitudes: Sequence[float]) -> None:
        self._codes = codes
        middle = (min(latitudes) + max(latitudes)) / 2 if latitudes else 0.0
        self._scale = np.array([max(float(np.cos(np.radians(middle))), 0.01), 1.0]) * METRES_PER_DEGREE
        points = np.column_stack([np.asarray(longitudes, dtype=float), np.asarray(latitudes, dtype=float)])
        flat: Any = shapely.points(points * self._scale)
        self._tree = shapely.STRtree(flat)
        # It is built with the first question, which shall not be somebody's.
        self._tree.query(shapely.Point(0, 0))

    def nearest(self, longitude: float, latitude: float, within_metres: float) -> Near | None:
        """The code and its distance; of several as near the lowest code, and None where all are further away."""
        here = shapely.points(np.array([longitude, latitude]) * self._scale)
        found, metres = self._tree.query_nearest(here, max_distance=within_metres, return_distance=True)
        if not len(found):
            return None
        code, distance = min((self._codes[at], float(far)) for at, far in zip(found.tolist(), metres, strict=True))
        return Near(code, round(distance, 2))
