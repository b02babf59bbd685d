"""The rules of points: which of them a deed meets, whom each pays, and how much. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from libs.contracts.dispatch import CaseVerified, OrderChecked, PatrolVisited
from libs.contracts.incident import CaseEvaluated


class EarnerRole(StrEnum):
    HANDLER = "handler"
    CHECKER = "checker"
    HELPER = "helper"
    VISITOR = "visitor"
    VERIFIER = "verifier"


CHECKED = OrderChecked.type_name()
EVALUATED = CaseEvaluated.type_name()
VISITED = PatrolVisited.type_name()
VERIFIED = CaseVerified.type_name()

EARNERS: Mapping[str, frozenset[EarnerRole]] = {
    CHECKED: frozenset({EarnerRole.HANDLER, EarnerRole.CHECKER, EarnerRole.HELPER}),
    EVALUATED: frozenset({EarnerRole.HANDLER}),
    VISITED: frozenset({EarnerRole.VISITOR}),
    VERIFIED: frozenset({EarnerRole.VERIFIER}),
}
"""The events that may earn points, and whom they know."""

CONDITIONS: Mapping[str, frozenset[str]] = {
    CHECKED: frozenset({"passed", "on_time", "own_report"}),
    EVALUATED: frozenset({"satisfied", "on_time", "own_report"}),
    VISITED: frozenset({"first", "on_time", "in_place"}),
    VERIFIED: frozenset({"on_time"}),
}

REQUIRED: Mapping[tuple[str, EarnerRole], Mapping[str, bool]] = {
    (CHECKED, EarnerRole.HANDLER): {"passed": True, "own_report": False},
    (CHECKED, EarnerRole.HELPER): {"passed": True, "own_report": False},
    (EVALUATED, EarnerRole.HANDLER): {"own_report": False},
    (VISITED, EarnerRole.VISITOR): {"first": True},
}
"""Fair play that no file of rules may leave out: nothing for one's own report, for work that
failed, or for a visit where somebody has been. What somebody finds who checks or verifies is no condition at all."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`points` None: those of the category of the case; a helper has a share of them.

    `daily_cap`: per member and local day.
    """

    name: str
    event: str
    who: EarnerRole
    when: Mapping[str, bool]
    points: int | None
    dimension: str
    daily_cap: int | None


@dataclass(frozen=True, slots=True)
class Rules:
    version: int
    dimensions: tuple[str, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Earner:
    member_id: str
    org_id: str


@dataclass(frozen=True, slots=True)
class Deed:
    """What a fact says was done. `order_id`: the order that the points stand and fall with, if any."""

    tenant: str
    event: str
    cause_id: UUID
    case_id: UUID | None
    order_id: UUID | None
    occurred_at: datetime
    earners: Mapping[EarnerRole, Earner]
    holds: Mapping[str, bool]
    category_points: int


@dataclass(frozen=True, slots=True)
class Earning:
    """What a rule pays for a deed, before the cap of the day."""

    rule: Rule
    earner: Earner
    points: int


def earnings(deed: Deed, rules: Rules) -> list[Earning]:
    """One for each rule that the deed meets, in the order of the file."""
    found = []
    for rule in rules.rules:
        if rule.event != deed.event or rule.who not in deed.earners:
            continue
        if any(deed.holds[name] is not wanted for name, wanted in rule.when.items()):
            continue
        points = deed.category_points if rule.points is None else rule.points
        if points > 0:
            found.append(Earning(rule, deed.earners[rule.who], points))
    return found
