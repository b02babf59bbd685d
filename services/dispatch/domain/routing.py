"""Which organisation answers for a case, and why. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from libs.contracts.words import Place, RequestKind
from services.dispatch.domain.borders import Located
from services.dispatch.domain.responsibility import Responsibility
from services.dispatch.domain.street import Street
from services.dispatch.domain.tree import Unit

Explanation = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Assign:
    """The lowest unit that may answer, and the row of the responsibility list that says so."""

    unit: Unit
    responsibility: Responsibility
    because: Explanation


@dataclass(frozen=True, slots=True)
class ToDesk:
    """The rules do not lead to one unit: the street's desk decides."""

    unit: Unit
    responsibility: Responsibility | None
    because: Explanation


@dataclass(frozen=True, slots=True)
class Routed:
    """What of a case decides where it goes; `at` is when it was registered."""

    category: str
    place: Place
    at: datetime
    request_kind: RequestKind | None = None


def route_all(cases: Sequence[Routed], street: Street) -> list[Assign | ToDesk]:
    """Route many at once: all points are looked up in one query of the map."""
    points = {n: (p.longitude, p.latitude) for n, case in enumerate(cases) if (p := case.place.point)}
    located = dict(zip(points, street.units.map.locate(list(points.values())), strict=True))
    return [route(case, located.get(n), street) for n, case in enumerate(cases)]


def route(case: Routed, located: Located | None, street: Street) -> Assign | ToDesk:
    """The first rule that matches decides; the same case and street always have the same answer."""
    found, because = _find(case.place, located, street)
    selected = street.responsibility(case.category, case.at, found.code if found else None, case.request_kind)
    because += (selected.because,)
    responsibility = selected.row
    if responsibility is None:
        return ToDesk(street.root, None, because)
    if found is None:
        return ToDesk(street.root, responsibility, because)
    unit = street.units.unit(street.units.above(street.units.index(found.code), responsibility.start_level))
    because += (
        f"{responsibility.name_zh} starts at {responsibility.start_level}: {unit.name} ({unit.code})",
        f"{unit.org_name} answers for it",
    )
    return Assign(unit, responsibility, because)


def _find(place: Place, located: Located | None, street: Street) -> tuple[Unit | None, Explanation]:
    if located is not None:
        at = street.units.unit(located.unit)
        if located.metres == 0.0:
            return at, (f"the point lies in {at.name} ({at.code})",)
        return at, (f"the point lies {located.metres:.0f} m outside of {at.name} ({at.code}), which is nearest",)
    outside: Explanation = ("the point lies outside of the street",) if place.point else ()
    if place.name is None:
        return None, outside
    unit, because = _by_name(place.name, street)
    return unit, outside + because


def _by_name(text: str, street: Street) -> tuple[Unit | None, Explanation]:
    """The longest name of a place that stands in the text: 大儒林 is not 儒林."""
    names = sorted((n for n in street.places if n in text), key=lambda n: (-len(n), n))
    if not names:
        return None, (f"no place of the street is named in “{text[:40]}”",)
    longest = [n for n in names if len(n) == len(names[0])]
    codes = sorted({code for n in longest for code in street.places[n]})
    if len(codes) > 1:
        return None, (f"“{'”, “'.join(longest)}” may be {' or '.join(codes)}",)
    unit = street.units[codes[0]]
    return unit, (f"“{longest[0]}” is {unit.name} ({unit.code})",)
