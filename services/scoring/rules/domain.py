"""The rules of points: which of them a deed meets, whom each pays, and how much. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from libs.contracts.dispatch import CaseVerified, OrderChecked, PatrolVisited
from libs.contracts.incident import CaseEvaluated
from libs.contracts.message import Event


class EarnerRole(StrEnum):
    HANDLER = "handler"
    CHECKER = "checker"
    HELPER = "helper"
    VISITOR = "visitor"
    VERIFIER = "verifier"


@dataclass(frozen=True, slots=True)
class Scored:
    """A fact that may earn points. `conditions`: what a rule may ask.

    `earners`: whom it knows, and what a rule that pays them has to ask: fair play that no file of rules may leave out.
    """

    earners: Mapping[EarnerRole, Mapping[str, bool]]
    conditions: frozenset[str]


_WORK_OF_OTHERS = {"passed": True, "own_report": False}

SCORED: Mapping[type[Event], Scored] = {
    OrderChecked: Scored(
        {EarnerRole.HANDLER: _WORK_OF_OTHERS, EarnerRole.HELPER: _WORK_OF_OTHERS, EarnerRole.CHECKER: {}},
        frozenset({"passed", "on_time", "own_report"}),
    ),
    CaseEvaluated: Scored(
        {EarnerRole.HANDLER: {"own_report": False}}, frozenset({"satisfied", "on_time", "own_report"})
    ),
    PatrolVisited: Scored({EarnerRole.VISITOR: {"first": True}}, frozenset({"first", "on_time", "in_place"})),
    CaseVerified: Scored({EarnerRole.VERIFIER: {}}, frozenset({"on_time"})),
}
"""Nothing for one's own report, for work that failed, or for a visit where somebody has been. What somebody finds who
checks or verifies is no condition at all."""

EVENTS: Mapping[str, Scored] = {fact.type_name(): scored for fact, scored in SCORED.items()}
"""By the names that rules call them."""


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
