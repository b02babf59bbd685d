"""Reports and cases as tests make them over HTTP, and the facts of a case's order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx

from libs.chassis.db.ids import new_id
from libs.contracts.dispatch import (
    CategoryChanged,
    EscalationCause,
    OrderChecked,
    OrderClaimed,
    OrderDispatched,
    OrderEscalated,
    OrderHandled,
    OrderOverdue,
    OrderReturned,
)
from libs.contracts.incident import Receipt
from libs.contracts.reasons import Reason, Why
from libs.contracts.values import Level, Registration, Unanswered
from libs.contracts.values import Stage as ClockStage
from tests.support.stage import NOON, Stage

TENANT = "370784004"
MEMBER = "member-0042"
MICRO_GRID, COMMUNITY = "37078400420101", "37078400401"


def categories() -> list[CategoryChanged]:
    """One of each policy."""
    policies = {"11001": Registration.AUTOMATIC, "11002": Registration.ACCEPTOR, "11003": Registration.VERIFY}
    return [
        CategoryChanged(
            tenant=TENANT,
            occurred_at=datetime.now(UTC),
            category=code,
            name_zh="路灯不亮",
            name_en="Street lamp out",
            area="public_services",
            registration=registration,
        )
        for code, registration in policies.items()
    ]


async def report(stage: Stage, category: str = "11001", point: tuple[float, float] = (119.2, 36.4)) -> Receipt:
    place = {"point": {"longitude": point[0], "latitude": point[1]}, "name": "儒林"}
    body = {"tenant": TENANT, "category": category, "text": "路灯不亮，电话13800000000", "place": place}
    contact = {"email": "wang@mail.example"}
    answer = await stage.http.post(
        "/v1/reports", json={**body, "contact": contact}, headers={"Idempotency-Key": str(new_id())}
    )
    return Receipt.model_validate(answer.json())


class Orders:
    """The facts of one order of a case, at so many minutes before the test began (or after: less than none)."""

    now: ClassVar[datetime]

    def __init__(self, case: Receipt) -> None:
        self.case = case
        self.order_id = new_id()

    def _of(self, minutes_ago: float) -> dict[str, Any]:
        return {
            "tenant": TENANT,
            "occurred_at": self.now - timedelta(minutes=minutes_ago),
            "case_id": self.case.case_id,
            "order_id": self.order_id,
        }

    def dispatched(self, minutes_ago: float = 60) -> OrderDispatched:
        return OrderDispatched(
            **self._of(minutes_ago),
            case_no=self.case.case_no,
            category="11001",
            unit=MICRO_GRID,
            unit_name="儒林一微网格",
            org_id="P4",
            level=Level.MICRO_GRID,
            claim_by=self.now + timedelta(hours=1),
            handle_by=self.now + timedelta(hours=9),
            check_by=self.now + timedelta(hours=17),
            because=(Reason(Why.POINT_OUTSIDE),),
        )

    def claimed(self, minutes_ago: float = 50) -> OrderClaimed:
        by = {"member_id": MEMBER, "org_id": "P4", "category": "11001"}
        return OrderClaimed(**self._of(minutes_ago), **by, handle_by=self.now + timedelta(hours=9))

    def returned(self, minutes_ago: float = 45) -> OrderReturned:
        return OrderReturned(**self._of(minutes_ago), member_id=MEMBER, org_id="P4", reason="没有梯子")

    def escalated(self, minutes_ago: float = 44) -> OrderEscalated:
        return OrderEscalated(
            **self._of(minutes_ago),
            cause=EscalationCause.RETURNED,
            from_unit=MICRO_GRID,
            from_org="P4",
            to_unit=COMMUNITY,
            to_org="P2",
            to_level=Level.COMMUNITY,
        )

    def overdue(self, minutes_ago: float = 43) -> OrderOverdue:
        late = {"stage": ClockStage.CLAIM, "due_at": self.now, "org_id": "P4", "unit": MICRO_GRID, "member_ids": ()}
        return OrderOverdue(**self._of(minutes_ago), **late)

    def handled(self, minutes_ago: float = 40) -> OrderHandled:
        by = {"member_id": MEMBER, "org_id": "P4", "category": "11001"}
        return OrderHandled(**self._of(minutes_ago), **by, on_time=True)

    def checked(self, minutes_ago: float = 30, passed: bool = True) -> OrderChecked:
        return OrderChecked(
            **self._of(minutes_ago),
            passed=passed,
            member_id=MEMBER,
            org_id="P4",
            checked_by="member-0007",
            checked_by_org="org-2",
            category="11001",
            points=5,
            on_time=True,
            own_report=False,
        )


async def view(stage: Stage, case: Receipt) -> dict[str, Any]:
    answer = await stage.http.get(f"/v1/cases/{case.case_no}", params={"tenant": TENANT})
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def decide(stage: Stage, case: Receipt, what: str, **more: Any) -> httpx.Response:
    body = {"tenant": TENANT, "by_member": MEMBER, **more}
    return await stage.http.post(f"/v1/cases/{case.case_no}/{what}", json=body)


async def feedback(stage: Stage, case: Receipt, satisfied: bool, words: str | None = None) -> httpx.Response:
    return await stage.http.post(
        f"/v1/track/{case.tracking_code}/feedback", json={"satisfied": satisfied, "words": words}
    )


def category(
    code: str,
    registration: Registration = Registration.AUTOMATIC,
    name: str = "路灯不亮",
    minute: int = 0,
    unanswered: Unanswered = Unanswered.GO_ON,
) -> CategoryChanged:
    return CategoryChanged(
        tenant=TENANT,
        occurred_at=NOON + timedelta(minutes=minute),
        category=code,
        name_zh=name,
        name_en="Street lamp out",
        area="public_services",
        registration=registration,
        unanswered=unanswered,
    )
