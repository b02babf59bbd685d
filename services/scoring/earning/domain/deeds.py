"""What each fact that scores says was done, and which facts undo it or give it back. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from libs.contracts.dispatch import AppealUpheld, OrderChecked
from libs.contracts.incident import CaseEvaluated
from services.scoring.ledger.domain import Appeal, Because, Undo
from services.scoring.rules.domain import SCORED, Deed, Earner, EarnerRole

OrderKey = tuple[str, UUID]
"""(tenant, order_id)"""


@dataclass(frozen=True, slots=True)
class Handled:
    """What an evaluation needs to know of the order that it is about."""

    handler: Earner
    on_time: bool
    own_report: bool
    category_points: int


def undo_of_failed_check(check: OrderChecked) -> Undo:
    return Undo(check.tenant, check.order_id, check.case_id, check.id, check.occurred_at, Because.CHECK_FAILED)


def appeal_of(fact: AppealUpheld) -> Appeal:
    return Appeal(fact.tenant, fact.order_id, fact.case_id, fact.id, fact.occurred_at)


def check_deed(check: OrderChecked) -> Deed:
    return Deed(
        tenant=check.tenant,
        event=check.type_name(),
        cause_id=check.id,
        case_id=check.case_id,
        # A check that found the work wanting was right, whatever becomes of the order.
        order_id=check.order_id if check.passed else None,
        occurred_at=check.occurred_at,
        earners={
            EarnerRole.HANDLER: Earner(check.member_id, check.org_id),
            EarnerRole.CHECKER: Earner(check.checked_by, check.checked_by_org),
        },
        holds={"passed": check.passed, "on_time": check.on_time, "own_report": check.own_report},
        category_points=check.points,
    )


def help_deeds(check: OrderChecked) -> list[Deed]:
    """Each helper for what they did, and for their share of the points."""
    return [
        Deed(
            tenant=check.tenant,
            event=check.type_name(),
            cause_id=check.id,
            case_id=check.case_id,
            order_id=check.order_id,
            occurred_at=check.occurred_at,
            earners={EarnerRole.HELPER: Earner(share.member_id, share.org_id)},
            holds={"passed": check.passed, "on_time": share.on_time, "own_report": share.own_report},
            category_points=share.points,
        )
        for share in check.helped
        if check.passed
    ]


def evaluation_deed(evaluation: CaseEvaluated, order: Handled) -> Deed:
    return Deed(
        tenant=evaluation.tenant,
        event=evaluation.type_name(),
        cause_id=evaluation.id,
        case_id=evaluation.case_id,
        order_id=evaluation.order_id,
        occurred_at=evaluation.occurred_at,
        earners={EarnerRole.HANDLER: order.handler},
        holds={"satisfied": evaluation.satisfied, "on_time": order.on_time, "own_report": order.own_report},
        category_points=order.category_points,
    )


def own_deed(fact: Any) -> Deed:
    """Of a fact that says all by itself: `member_id`, of `org_id`, did it, and each condition is a field."""
    scored = SCORED[type(fact)]
    [who] = scored.earners
    return Deed(
        tenant=fact.tenant,
        event=fact.type_name(),
        cause_id=fact.id,
        case_id=getattr(fact, "case_id", None),
        order_id=None,
        occurred_at=fact.occurred_at,
        earners={who: Earner(fact.member_id, fact.org_id)},
        holds={name: getattr(fact, name) for name in scored.conditions},
        category_points=0,
    )
