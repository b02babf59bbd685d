"""Points to micro-grids: inside, on borders, in holes and outside."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point

from services.dispatch.grid.domain.borders import METRES_PER_DEGREE, NEAREST_METRES, Borders
from services.dispatch.grid.domain.tree import as_array
from tests.support.linghe_street import linghe

ALL = linghe().units.borders
MICRO_GRIDS = [index for index, border in enumerate(ALL) if border is not None]


@given(st.sampled_from(MICRO_GRIDS), st.floats(0, 1))
def test_on_a_border_the_lower_code_has_the_point(index: int, share: float) -> None:
    """Corners are the only points of a border that are exact; between two, whoever touches the point may have it."""
    corners = shapely.get_coordinates(ALL[index])
    x, y = corners[int(share * (len(corners) - 1))].tolist()
    [located] = linghe().units.map.locate([(x, y)])
    touching = [at for at in MICRO_GRIDS if ALL[at].intersects(Point(x, y))]
    assert index in touching
    assert located is not None
    assert (located.unit, located.metres) == (min(touching), 0.0)


@given(st.floats(118.9, 119.3), st.floats(36.15, 36.55))
def test_a_point_is_in_the_lowest_unit_that_holds_it_or_at_most_500_metres_off(x: float, y: float) -> None:
    [located] = linghe().units.map.locate([(x, y)])
    holding = [at for at in MICRO_GRIDS if ALL[at].intersects(Point(x, y))]
    if holding:
        assert located is not None
        assert (located.unit, located.metres) == (min(holding), 0.0)
    elif located is None:
        near = shapely.box(119.004, 36.254, 119.196, 36.446)
        assert not near.contains(Point(x, y))
    else:
        assert 0 < located.metres <= NEAREST_METRES


def test_in_a_hole_is_who_fills_it_and_in_an_empty_one_who_is_nearest() -> None:
    around = shapely.box(0, 0, 0.01, 0.01).difference(shapely.box(0.004, 0.004, 0.006, 0.006))
    within = shapely.box(0.004, 0.004, 0.006, 0.006)
    [filled] = Borders(as_array([around, within])).locate([(0.005, 0.005)])
    assert filled is not None
    assert (filled.unit, filled.metres) == (1, 0.0)
    [empty] = Borders(as_array([around])).locate([(0.005, 0.005)])
    assert empty is not None
    assert empty.unit == 0
    assert empty.metres == 111.320


def test_what_lies_as_near_to_the_east_as_to_the_west_is_found() -> None:
    """A degree of longitude is a fifth shorter here than one of latitude."""
    latitude = 36.5
    square = shapely.box(119, 36, 119.1, 37)
    borders = Borders(as_array([square]))
    aside = 0.9 * NEAREST_METRES / (METRES_PER_DEGREE * float(np.cos(np.radians(latitude))))
    for longitude in (119 - aside, 119.1 + aside):
        [located] = borders.locate([(longitude, latitude)])
        assert located is not None
        assert abs(located.metres - 0.9 * NEAREST_METRES) < 1
