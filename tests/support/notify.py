"""Facts that somebody is told of, and sealed contacts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from libs import sealing
from libs.chassis.db.ids import new_id
from libs.contracts.dispatch import MemberChanged, OrderOffered
from libs.contracts.incident import CaseRegistered, CaseReported
from libs.contracts.values import MemberKind, Place, Point, Reach, RequestKind, SealedContact
from tests.support.stage import KEYS, NOON, Stage

TENANT = "370784004"
EMAIL, PHONE, CODE = "zhang@mail.example", "+86 10 5555 0100", "0123456789ABC"
HOOK = "https://hook.example/zhang"
CONTACT: dict[str, Any] = {
    "email": EMAIL,
    "phone": PHONE,
    "webhook_url": HOOK,
    "language": "en",
    "tracking_code": CODE,
}


def sealed(**contact: Any) -> SealedContact:
    return sealing.Sealer(KEYS[1]).seal(contact)


def reported(reporter_id: UUID | None, box: SealedContact | None, at: datetime = NOON) -> CaseReported:
    return CaseReported(
        tenant=TENANT,
        occurred_at=at,
        case_id=new_id(),
        case_no="20261123-000001",
        category="11001",
        request_kind=RequestKind.SNAPSHOT,
        reporter_id=reporter_id,
        sealed_contact=box,
    )


def registered(report: CaseReported) -> CaseRegistered:
    return CaseRegistered(
        tenant=TENANT,
        occurred_at=report.occurred_at,
        case_id=report.case_id,
        case_no=report.case_no,
        category="11001",
        category_name="路灯不亮",
        request_kind=RequestKind.SNAPSHOT,
        place=Place(name="儒林"),
        summary="路灯不亮",
        reporter_id=report.reporter_id,
    )


def changed(box: SealedContact | None, at: datetime = NOON, member_id: str = "M0001") -> MemberChanged:
    return MemberChanged(
        tenant=TENANT,
        occurred_at=at,
        member_id=member_id,
        member_name="成员",
        kind=MemberKind.VOLUNTEER,
        unit="37078400420101",
        org_id="P4",
        sealed_contact=box,
    )


def offered(*members: str) -> OrderOffered:
    return OrderOffered(
        tenant=TENANT,
        occurred_at=NOON,
        case_id=new_id(),
        order_id=new_id(),
        case_no="20261123-000001",
        category_name="路灯不亮",
        unit_name="儒林一微",
        summary="路灯不亮",
        place=Place(point=Point(longitude=119.2131, latitude=36.4312), name="村东头"),
        request_kind=RequestKind.SNAPSHOT,
        reach=Reach.NEAREST,
        offered_to=members or ("M0001",),
        newly_asked=members or ("M0001",),
        claim_by=NOON + timedelta(hours=4),
    )


async def states(notify: Stage, recipient_id: str) -> list[tuple[str, str, str | None]]:
    async with notify.database() as db:
        rows = await db.rows(
            text(
                "SELECT channel, state, reason FROM deliveries WHERE recipient_id = :r "
                "ORDER BY event_id, channel <> 'in_app', channel"
            ),
            {"r": recipient_id},
        )
    return [(r.channel, "queued" if r.state == "sending" else r.state, r.reason) for r in rows]
