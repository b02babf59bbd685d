"""The rules in force."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from libs.chassis.handlers import Refused
from libs.chassis.http import RefusedRequest
from libs.sentences import Sentence
from services.scoring.rules import rules_file
from services.scoring.rules.domain import EarnerRole

router = APIRouter(tags=["points"])


class RuleView(BaseModel):
    name: str
    event: str
    who: EarnerRole
    when: dict[str, bool]
    points: int | Literal["category"]
    dimension: str
    daily_cap: int | None


class RulesView(BaseModel):
    version: int
    dimensions: list[str]
    rules: list[RuleView]


@router.get("/v1/rules")
def show_rules(request: Request) -> RulesView:
    """The rules in force, as the file has them."""
    rules = rules_file.rules_of(request.app.state)
    shown = [
        RuleView(
            name=rule.name,
            event=rule.event,
            who=rule.who,
            when=dict(rule.when),
            points="category" if rule.points is None else rule.points,
            dimension=rule.dimension,
            daily_cap=rule.daily_cap,
        )
        for rule in rules.rules
    ]
    return RulesView(version=rules.version, dimensions=list(rules.dimensions), rules=shown)


def check_dimension(dimension: str | None, request: Request) -> None:
    known = rules_file.rules_of(request.app.state).dimensions
    if dimension is not None and dimension not in known:
        named = ", ".join(known)
        detail = Sentence(f"dimension 应为以下之一：{named}。", f"dimension must be one of {named}.")
        raise RefusedRequest(Refused(422, "Unknown dimension", detail, {"allowed": list(known)}))
