"""Routing rules of a street: where cases of a kind go instead of where the responsibility list says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from libs.contracts.values import OrgKind, RequestKind
from services.dispatch.grid.domain.tree import GridTree


@dataclass(frozen=True, slots=True)
class Rule:
    """What is empty or None is no condition. Exactly one of the two targets is there.

    `category` is a code or what codes begin with; `within` is a unit that the place lies in; `to_org_kind` is the
    organisation above (or at) the place that answers.
    """

    number: int
    category: str
    area: str
    request_kind: RequestKind | None
    within: str | None
    to_unit: str | None
    to_org_kind: OrgKind | None
    note: str

    @property
    def needs_a_place(self) -> bool:
        return self.within is not None or self.to_unit is None


class Rules:
    """By their numbers: the first that matches decides."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.in_order = tuple(sorted(rules, key=lambda rule: rule.number))
        # A street has a few rules and most categories none of them.
        self._about = lru_cache(4096)(self._search)

    def first(
        self, category: str, area: str, request_kind: RequestKind | None, at: int | None, units: GridTree
    ) -> Rule | None:
        """`at` is the unit of the place by its index; None where the place is not known."""
        for rule in self._about(category, area) if self.in_order else ():
            if rule.request_kind is not None and rule.request_kind is not request_kind:
                continue
            if rule.needs_a_place and at is None:
                continue
            if rule.within is not None and at is not None and not _lies_in(at, rule.within, units):
                continue
            return rule
        return None

    def _search(self, category: str, area: str) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.in_order if category.startswith(rule.category) and rule.area in ("", area))


NO_RULES = Rules(())


def _lies_in(at: int, code: str, units: GridTree) -> bool:
    above = units.index(code)
    return any(up == above for up in units.indexes_above(at))
