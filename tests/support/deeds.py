"""What somebody did, as a value that earns points."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from services.scoring.domain.rules import CHECKED, Deed, Earner, Who
from tests.support.stage import NOON

TENANT = "370784004"


def check_deed(
    number: int = 1,
    *,
    order: int = 1,
    at: datetime = NOON,
    handler: str = "M1",
    points: int = 5,
    passed: bool = True,
    on_time: bool = True,
    own_report: bool = False,
) -> Deed:
    return Deed(
        tenant=TENANT,
        event=CHECKED,
        cause_id=UUID(int=number),
        case_id=UUID(int=1000 + order),
        order_id=UUID(int=order) if passed else None,
        occurred_at=at,
        earners={Who.HANDLER: Earner(handler, "P1"), Who.CHECKER: Earner("M9", "P2")},
        holds={"passed": passed, "on_time": on_time, "own_report": own_report},
        category_points=points,
    )
