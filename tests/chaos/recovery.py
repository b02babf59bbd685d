"""How soon the system answers again after a fault, from the journal of what was asked and answered."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import inf

from tests.chaos.faults import Happened
from tests.chaos.journal import ATTEMPT, Entry
from tests.chaos.parts import POSTGRES

AWAY = frozenset({"PostgreSQL killed", "PostgreSQL stopped"})
REFUSED = range(400, 500)


class Waiting:
    """When somebody waited for an answer: while nobody asks for anything, as when all wait for one another's facts, no
    2xx can come. Whoever is refused does not count, since another answer was not to be had."""

    def __init__(self, spans: Iterable[tuple[float, float]]) -> None:
        """`spans` are (asked at, answered or given up at)."""
        ordered = sorted(spans)
        self._asked = [asked for asked, _ in ordered]
        self._last_ends = list(accumulate((ended for _, ended in ordered), max))

    def since(self, at: float) -> float:
        """The first time, from `at` on, at which somebody waited."""
        position = bisect_right(self._asked, at)
        if position and self._last_ends[position - 1] > at:
            return at
        return self._asked[position] if position < len(self._asked) else inf


def waiting(entries: Iterable[Entry]) -> Waiting:
    ends: dict[str, tuple[float, bool]] = {}
    asked: dict[str, float] = {}
    for entry in entries:
        if entry.step == ATTEMPT:
            asked[entry.id] = entry.at.timestamp()
        else:
            ends[entry.id] = entry.at.timestamp(), entry.status in REFUSED
    return Waiting((asked[id], ended) for id, (ended, refused) in ends.items() if id in asked and not refused)


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds. `gap` is the longest time for which somebody waited and there was not a single 2xx, and
    `gap_without_database` how much of it PostgreSQL, of which there is one, was killed or stood still; `after` gives
    each kind of fault the longest time from a healing to the next 2xx, as far as somebody waited; `lag_zero` is the
    time from the last healing until every fact was published and consumed, None when that did not come."""

    gap: float
    gap_without_database: float
    after: dict[str, float]
    lag_zero: float | None


def recovery(
    taken_at: Sequence[float], waits: Waiting, happened: Sequence[Happened], until: float, lag_zero_at: float | None
) -> Recovery:
    """`taken_at` are the times of all 2xx, in order; those after `until` do not count, since nothing is asked then."""
    taken_at = [at for at in taken_at if at <= until]
    after: defaultdict[str, float] = defaultdict(float)
    healed = [each for each in happened if each.healed_at is not None and each.healed_at < until]
    for each in healed:
        assert each.healed_at is not None
        position = bisect_right(taken_at, each.healed_at)
        came_at = taken_at[position] if position < len(taken_at) else until
        after[each.planned.kind] = max(after[each.planned.kind], came_at - waits.since(each.healed_at))
    last = max((each.healed_at or 0.0 for each in happened), default=until)
    gaps = ((waits.since(earlier), later) for earlier, later in pairwise(taken_at))
    began, ended = max(gaps, key=lambda gap: gap[1] - gap[0], default=(0.0, 0.0))
    away = [each for each in happened if POSTGRES in each.planned.target and each.planned.kind in AWAY]
    without = sum(max(0.0, min(each.healed_at or until, ended) - max(each.begun_at, began)) for each in away)
    return Recovery(ended - began, without, dict(after), None if lag_zero_at is None else max(0.0, lag_zero_at - last))
