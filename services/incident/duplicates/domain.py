"""Which cases may be the same matter as another: by distance, time and text, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import cos, hypot, radians

from libs.contracts.reasons import Explanation, Reason, Why

NEAR_METRES = 300.0
LATELY = timedelta(days=14)
LIKELY = 0.5
"""From here on a case is shown as a candidate. The same spot on the same day is enough, whatever the words."""
SHOWN_AT_MOST = 10
METRES_PER_DEGREE = 111_320.0
WEIGHTS = {"place": 0.5, "time": 0.2, "text": 0.3}


@dataclass(frozen=True, slots=True)
class Sighting:
    """What of a report is compared. The category is the same for all."""

    case_no: str
    longitude: float | None
    latitude: float | None
    place_name: str | None
    reported_at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Candidate:
    case_no: str
    score: float
    because: Explanation


@dataclass(frozen=True, slots=True)
class Box:
    west: float
    south: float
    east: float
    north: float


def box_around(longitude: float, latitude: float) -> Box:
    """All points nearer than NEAR_METRES, and the corners."""
    up = NEAR_METRES / METRES_PER_DEGREE
    aside = up / max(cos(radians(latitude)), 0.01)
    return Box(longitude - aside, latitude - up, longitude + aside, latitude + up)


def candidates(of: Sighting, others: Iterable[Sighting]) -> list[Candidate]:
    """The likeliest first; those of the same likeliness by their numbers."""
    found = [candidate for other in others if other.case_no != of.case_no if (candidate := compare(of, other))]
    return sorted(found, key=lambda c: (-c.score, c.case_no))[:SHOWN_AT_MOST]


def compare(of: Sighting, other: Sighting) -> Candidate | None:
    """None where the other is too far away in place or time, or too unlike."""
    place, where = _place(of, other)
    time, when = _time(of, other)
    text, what = _text(of, other)
    if place <= 0 or time <= 0:
        return None
    score = round(WEIGHTS["place"] * place + WEIGHTS["time"] * time + WEIGHTS["text"] * text, 3)
    return Candidate(other.case_no, score, (where, when, what)) if score >= LIKELY else None


def metres_between(longitude: float, latitude: float, other_longitude: float, other_latitude: float) -> float:
    """On a plane, which over a few hundred metres is as good as on the globe."""
    east = (other_longitude - longitude) * cos(radians(latitude))
    return METRES_PER_DEGREE * hypot(east, other_latitude - latitude)


def _place(of: Sighting, other: Sighting) -> tuple[float, Reason]:
    if of.longitude is None or of.latitude is None or other.longitude is None or other.latitude is None:
        same = of.place_name is not None and of.place_name == other.place_name
        return float(same), Reason(Why.SAME_PLACE, {"place": of.place_name or ""})
    metres = metres_between(of.longitude, of.latitude, other.longitude, other.latitude)
    return 1 - metres / NEAR_METRES, Reason(Why.METRES_AWAY, {"metres": round(metres)})


def _time(of: Sighting, other: Sighting) -> tuple[float, Reason]:
    apart = abs(of.reported_at - other.reported_at)
    hours = apart / timedelta(hours=1)
    days = Reason(Why.DAYS_APART, {"days": round(hours / 24)})
    return 1 - apart / LATELY, Reason(Why.HOURS_APART, {"hours": round(hours)}) if hours < 48 else days


def _text(of: Sighting, other: Sighting) -> tuple[float, Reason]:
    """Dice's coefficient of the two texts' pairs of neighbouring characters, which needs no words to be told apart."""
    mine, its = _pairs(of.text), _pairs(other.text)
    alike = 2 * len(mine & its) / (len(mine) + len(its)) if mine and its else 0.0
    return alike, Reason(Why.TEXT_ALIKE, {"percent": round(alike * 100)})


def _pairs(text: str) -> set[str]:
    letters = [c for c in text.casefold() if c.isalnum()]
    return {a + b for a, b in pairwise(letters)}
