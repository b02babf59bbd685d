"""Names to units: the gazetteer of a street. The longest name wins, and of what is not certain nothing is guessed."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from libs.contracts.reasons import Explanation, Reason, Why
from libs.contracts.values import Level
from services.dispatch.grid.domain.misspelling import Misspellings
from services.dispatch.grid.domain.tree import GridTree

SUFFIXES = ("村民委员会", "居民委员会", "村委会", "居委会", "社区", "小区", "网格", "村")
"""What people add or leave out: 大儒林, 大儒林村 and 大儒林村委会 are one place."""
SHORTEST = 2
"""What is left of a name without its suffix has at least so many characters."""
WIDE = (Level.STREET, Level.COMMUNITY)
"""Whoever names one of these often names a place in it, too."""
CANDIDATES_AT_MOST = 20
SAID_AT_MOST = 5


@dataclass(frozen=True, slots=True)
class NamedPlace:
    """An entry of the street's own gazetteer: it lies in a unit, or has a point (longitude, latitude)."""

    place_id: str
    name: str
    kind: str
    aliases: tuple[str, ...]
    former_names: tuple[str, ...]
    unit: str | None
    point: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit that a text may mean: `name` is what bears the name, `path` leads to it from the street."""

    code: str
    name: str
    path: str
    because: Explanation


@dataclass(frozen=True, slots=True)
class Found:
    """The unit by its index in the tree."""

    unit: int
    because: Explanation


@dataclass(frozen=True, slots=True)
class Ambiguous:
    candidates: tuple[Candidate, ...]
    because: Explanation


@dataclass(frozen=True, slots=True)
class Unknown:
    because: Explanation


@dataclass(frozen=True, slots=True)
class _Bearer:
    """What bears a name: a unit, by its index, or a place that lies in it."""

    unit: int
    place: NamedPlace | None = None
    former: bool = False


@dataclass(frozen=True, slots=True)
class _Hit:
    """A name that stands in the text, from and until; `said` is not quite it when it is misspelt."""

    start: int
    end: int
    said: str
    name: str
    bearers: Sequence[_Bearer]

    def __len__(self) -> int:
        return self.end - self.start


def plain(text: str) -> str:
    """As names are compared: full-width is half-width, capitals are small, no spaces."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def shortened(name: str) -> Iterator[str]:
    """The plain name, and what is left of it without one suffix after the other."""
    yield name
    while suffix := next((s for s in SUFFIXES if name.endswith(s) and len(name) - len(s) >= SHORTEST), None):
        name = name.removesuffix(suffix)
        yield name


class Gazetteer:
    """Built once for a version of the street; `places` without a unit are put where their point lies."""

    def __init__(self, units: GridTree, places: Sequence[NamedPlace] = ()) -> None:
        self._units = units
        names: dict[str, dict[tuple[int, str], _Bearer]] = {}
        cores: set[str] = set()
        for name, bearer, is_micro_grid in self._entries(places):
            forms = [plain(name)] if is_micro_grid else list(shortened(plain(name)))
            for form in forms:
                key = (bearer.unit, bearer.place.place_id if bearer.place else "")
                names.setdefault(form, {}).setdefault(key, bearer)
            if not is_micro_grid:
                cores.add(forms[-1])
        # Units come before the places in them, and the lower code before the higher.
        self._names = {name: tuple(found[key] for key in sorted(found)) for name, found in names.items()}
        lengths: dict[str, set[int]] = {}
        for name in self._names:
            lengths.setdefault(name[0], set()).add(len(name))
        self._lengths = {first: tuple(sorted(found, reverse=True)) for first, found in lengths.items()}
        self._misspellings = Misspellings(cores)

    def find(self, text: str) -> Found | Ambiguous | Unknown:
        """Which unit the text names. A name with one character wrong counts only where no right one leads further."""
        asked = plain(text)
        hits = self._exact(asked)
        if not hits:
            near = self._misspelt(asked)
            unknown = Reason(Why.NAME_UNKNOWN, {"said": text[:40]})
            return self._decided(near) if near else Unknown((unknown,))
        exact = self._decided(hits)
        wide = {bearer.unit for hit in hits for bearer in hit.bearers}
        if any(self._units.level(unit) not in WIDE for unit in wide):
            return exact
        closer = self._decided(near) if (near := self._closer(asked, hits, wide)) else exact
        return closer if isinstance(closer, Found) or isinstance(exact, Unknown) else exact

    def suggest(self, text: str, most: int = CANDIDATES_AT_MOST) -> list[Candidate]:
        """What a half-typed name may become: the name itself, then those that begin with it, then that contain it."""
        asked = plain(text)
        ranked = sorted((not name.startswith(asked), len(name), name) for name in self._names if asked in name)
        found: dict[tuple[int, str], Candidate] = {}
        for _, _, name in ranked:
            for bearer in self._names[name]:
                key = (bearer.unit, bearer.place.place_id if bearer.place else "")
                found.setdefault(key, self._candidate(_Hit(0, len(name), name, name, ()), bearer))
            if len(found) >= most:
                break
        if not found and asked:
            near = ((hit, bearer) for hit in self._misspelt(asked) for bearer in hit.bearers)
            return [self._candidate(hit, bearer) for hit, bearer in near][:most]
        return list(found.values())[:most]

    def _entries(self, places: Sequence[NamedPlace]) -> Iterator[tuple[str, _Bearer, bool]]:
        for index in range(len(self._units)):
            unit = self._units.unit(index)
            for name in (unit.name, *unit.aliases):
                yield name, _Bearer(index), unit.level is Level.MICRO_GRID
        points = [place.point for place in places if place.unit is None and place.point is not None]
        located = iter(self._units.map.locate(points))
        for place in places:
            if place.unit is not None:
                at: int | None = self._units.index(place.unit)
            else:
                found = next(located)
                at = found.unit if found else None
            if at is not None:
                for name in (place.name, *place.aliases):
                    yield name, _Bearer(at, place), False
                for name in place.former_names:
                    yield name, _Bearer(at, place, former=True), False

    def _exact(self, asked: str) -> list[_Hit]:
        hits = []
        for start, first in enumerate(asked):
            for length in self._lengths.get(first, ()):
                name = asked[start : start + length]
                if bearers := self._names.get(name):
                    hits.append(_Hit(start, start + len(name), name, name, bearers))
                    break
        return _longest(hits)

    def _misspelt(self, asked: str) -> list[_Hit]:
        *_, asked = shortened(asked)
        found = (
            _Hit(start, end, asked[start:end], name, self._names[name])
            for start, end, name in self._misspellings.find(asked)
        )
        return _longest(list(dict.fromkeys(found)))

    def _closer(self, asked: str, hits: Sequence[_Hit], wide: set[int]) -> list[_Hit]:
        """Misspelt names in the rest of the text that lie in what is named rightly."""
        edges = [0, *(edge for hit in sorted(hits, key=lambda h: h.start) for edge in (hit.start, hit.end)), len(asked)]
        rest = [asked[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]
        near = []
        for hit in (hit for part in rest for hit in self._misspelt(part)):
            inside = tuple(b for b in hit.bearers if not wide.isdisjoint(self._units.indexes_above(b.unit)))
            if inside:
                near.append(_Hit(hit.start, hit.end, hit.said, hit.name, inside))
        return near

    def _decided(self, hits: Sequence[_Hit]) -> Found | Ambiguous | Unknown:
        """The most precise unit that the names agree on; who has a name in common is told apart by the other names."""
        meant: dict[int, tuple[_Hit, _Bearer]] = {}
        for hit in hits:
            for bearer in self._agreeing(hit, hits):
                meant.setdefault(bearer.unit, (hit, bearer))
        above = {up for unit in meant for up in self._units.indexes_above(unit) if up != unit}
        lowest = [unit for unit in meant if unit not in above]
        if len(lowest) > 1:
            candidates = tuple(self._candidate(*meant[unit]) for unit in sorted(lowest))[:CANDIDATES_AT_MOST]
            said = " / ".join(dict.fromkeys(meant[unit][0].said for unit in lowest))
            several = Reason(Why.NAME_AMBIGUOUS, {"said": said, "count": len(lowest)})
            some = (reason for candidate in candidates[:SAID_AT_MOST] for reason in candidate.because)
            return Ambiguous(candidates, (several, *some))
        because = self._candidate(*meant[lowest[0]]).because
        if self._units.level(lowest[0]) is Level.STREET:
            return Unknown((*because, Reason(Why.WHOLE_STREET)))
        return Found(lowest[0], because)

    def _agreeing(self, hit: _Hit, hits: Sequence[_Hit]) -> Sequence[_Bearer]:
        if len(hit.bearers) == 1 or len(hits) == 1:
            return hit.bearers
        others = {bearer.unit for other in hits if other is not hit for bearer in other.bearers}
        lines = {up for unit in others for up in self._units.indexes_above(unit)}
        kept = [b for b in hit.bearers if b.unit in lines or not others.isdisjoint(self._units.indexes_above(b.unit))]
        return kept or hit.bearers

    def _candidate(self, hit: _Hit, bearer: _Bearer) -> Candidate:
        unit = self._units.unit(bearer.unit)
        path = " › ".join(self._units.unit(up).name for up in reversed([*self._units.indexes_above(bearer.unit)]))
        off = () if hit.said == hit.name else (Reason(Why.NAME_MISSPELT, {"said": hit.said, "name": hit.name}),)
        meant = {"said": hit.name, "unit": unit.name, "code": unit.code}
        if bearer.place is None:
            return Candidate(unit.code, unit.name, path, (*off, Reason(Why.NAME_OF_UNIT, meant)))
        if bearer.former:
            lies = Reason(Why.FORMER_NAME, {**meant, "place": bearer.place.name})
        else:
            lies = Reason(Why.NAME_OF_PLACE, meant)
        return Candidate(unit.code, bearer.place.name, path, (*off, lies))


def _longest(hits: Iterable[_Hit]) -> list[_Hit]:
    """A name that overlaps a longer one is part of it; equally long ones are all kept."""
    kept: list[_Hit] = []
    for hit in sorted(hits, key=lambda h: (-len(h), h.start, h.name)):
        if not any(hit.start < k.end and k.start < hit.end and len(k) > len(hit) for k in kept):
            kept.append(hit)
    return sorted(kept, key=lambda h: (h.start, h.name))
