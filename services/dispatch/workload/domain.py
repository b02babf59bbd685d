"""How much the members of a street have to do, and who of them is away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class Workload(dict[str, int]):
    """Open orders by member. Who is absent is asked for nothing, however little they have to do."""

    def __init__(self, open_orders: Mapping[str, int] | None = None, absent: Iterable[str] = ()) -> None:
        super().__init__(open_orders or {})
        self.absent = set(absent)
