"""How soon the system answers again after a fault, from the journal of what was asked and answered."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.chaos.faults import Happened


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds. `gap` is the longest time without a single 2xx; `after` gives each kind of fault the longest time from
    a healing to the next 2xx; `lag_zero` is the time from the last healing until every fact was published and
    consumed, None when that did not come."""

    gap: float
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
    gap = max((later - earlier for earlier, later in pairwise(taken_at)), default=0.0)
    return Recovery(gap, dict(after), None if lag_zero_at is None else max(0.0, lag_zero_at - last))
