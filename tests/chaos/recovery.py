"""How soon the system answers again after a fault, from the journal of what was asked and answered."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.chaos.faults import Happened
from tests.chaos.parts import POSTGRES

AWAY = frozenset({"PostgreSQL killed", "PostgreSQL stopped"})


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds. `gap` is the longest time without a single 2xx, and `gap_without_database` how much of it PostgreSQL, of
    which there is one, was killed or stood still; `after` gives each kind of fault the longest time from
    a healing to the next 2xx; `lag_zero` is the time from the last healing until every fact was published and
    consumed, None when that did not come."""

    gap: float
    gap_without_database: float
    after: dict[str, float]
    lag_zero: float | None


def recovery(
    taken_at: Sequence[float], happened: Sequence[Happened], until: float, lag_zero_at: float | None
) -> Recovery:
    """`taken_at` are the times of all 2xx, in order; those after `until` do not count, since nothing is asked then."""
    taken_at = [at for at in taken_at if at <= until]
    after: defaultdict[str, float] = defaultdict(float)
    healed = [each for each in happened if each.healed_at is not None and each.healed_at < until]
    for each in healed:
        assert each.healed_at is not None
        position = bisect_right(taken_at, each.healed_at)
        came_at = taken_at[position] if position < len(taken_at) else until
        after[each.planned.kind] = max(after[each.planned.kind], came_at - each.healed_at)
    last = max((each.healed_at or 0.0 for each in happened), default=until)
    began, ended = max(pairwise(taken_at), key=lambda pair: pair[1] - pair[0], default=(0.0, 0.0))
    away = [each for each in happened if POSTGRES in each.planned.target and each.planned.kind in AWAY]
    without = sum(max(0.0, min(each.healed_at or until, ended) - max(each.begun_at, began)) for each in away)
    return Recovery(ended - began, without, dict(after), None if lag_zero_at is None else max(0.0, lag_zero_at - last))
