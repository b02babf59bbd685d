"""A small street in dispatch's database, and what tests do with its orders over HTTP and NATS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import shapely
from sqlalchemy import text

from libs.chassis.db.ids import new_id
from libs.contracts.dispatch import OrderOffered
from libs.contracts.incident import CaseRegistered
from libs.contracts.values import Place, Point, RequestKind
from tests.support.stage import Stage

TENANT = "370784004"


def registered(at: datetime | None = None) -> CaseRegistered:
    return CaseRegistered(
        tenant=TENANT,
        occurred_at=at or datetime.now(UTC),
        case_id=new_id(),
        case_no="20261123-000001",
        category="11001",
        category_name="路灯不亮",
        request_kind=RequestKind.SNAPSHOT,
        place=Place(point=Point(longitude=0.5, latitude=0.5)),
        summary="路灯不亮",
    )


SQUARE = shapely.box(0, 0, 1, 1).wkb_hex
STREET = f"""
INSERT INTO streets VALUES ('370784004', 1);
INSERT INTO units (tenant, code, level, parent, name, aliases, org_id, org_kind, org_name, border) VALUES
('370784004', '370784004', 'street', NULL, '凌河街道', '[]', 'P1', 'street_committee', '街道党工委', NULL),
('370784004', '37078400401', 'community', '370784004', '一社区', '[]', 'P2', 'community_org', '一社区党委', NULL),
('370784004', '370784004201', 'grid', '37078400401', '凌河村', '["凌河"]', 'P3', 'branch', '凌河村支部', NULL),
('370784004', '37078400420101', 'micro_grid', '370784004201', '凌河村一微', '[]', 'P4', 'party_group', '一组',
 decode('{SQUARE}', 'hex'));
INSERT INTO members SELECT '370784004', 'M' || n, '成员' || n, 'volunteer', '37078400420101', 'P4', '[]', 2, ''
FROM generate_series(1, 4) n;
INSERT INTO members VALUES ('370784004', 'L1', '带班', 'lead', '370784004', 'P1', '[]', 9, '');
INSERT INTO responsibilities VALUES ('370784004', '11001', '路灯不亮', 'Street lamp out', 'public_services',
 'component', 'automatic', 'micro_grid', 'party_group', '[]', 4, 'work_hour', 2, 'work_day', 1, 'work_day', 'note', 5,
 '')
"""


async def put_street(dispatch: Stage) -> None:
    async with dispatch.database() as db:
        for statement in STREET.split(";"):
            await db.execute(text(statement))


async def act(dispatch: Stage, order_id: UUID, move: str, member_id: str, **more: object) -> dict[str, Any]:
    body = {"tenant": TENANT, "member_id": member_id, **more}
    answer = await dispatch.http.post(f"/v1/orders/{order_id}/{move}", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def finished(dispatch: Stage, case: CaseRegistered) -> UUID:
    """The id of the case's order, which has been claimed, handled and checked."""
    await dispatch.hear(case)
    order_id = (await dispatch.said(OrderOffered))[-1].order_id
    await act(dispatch, order_id, "claim", "M1")
    await act(dispatch, order_id, "hand_in", "M1", note="lamp replaced")
    await act(dispatch, order_id, "check", "M2", passed=True)
    return order_id


async def made_due(dispatch: Stage, kind: str) -> None:
    """Fire the timers of a class as if their time had come."""
    async with dispatch.database() as db:
        await db.execute(text("UPDATE timers SET due_at = now() - interval '1 s' WHERE name = :name"), {"name": kind})
    await dispatch.fire_timers()


async def offered(dispatch: Stage) -> OrderOffered:
    return (await dispatch.said(OrderOffered))[-1]


def absence(member_id: str, begins_in: timedelta = timedelta(0)) -> dict[str, Any]:
    """Of eight hours, as a client sends it."""
    start = datetime.now(UTC) + begins_in
    return {
        "tenant": TENANT,
        "member_id": member_id,
        "from_at": start.isoformat(),
        "until_at": (start + timedelta(hours=8)).isoformat(),
        "reason": "leave",
    }


async def is_absent(dispatch: Stage, member_id: str, begins_in: timedelta = timedelta(0)) -> dict[str, Any]:
    answer = await dispatch.http.post("/v1/absences", json=absence(member_id, begins_in))
    assert answer.status_code == 201, answer.text
    recorded: dict[str, Any] = answer.json()
    await dispatch.fire_timers()
    return recorded


async def answer(dispatch: Stage, id: UUID, by: str, true_report: bool = True, note: str = "属实") -> httpx.Response:
    body = {"tenant": TENANT, "member_id": by, "true_report": true_report, "note": note, "photos": ["wall"]}
    return await dispatch.http.post(f"/v1/inspections/{id}/answer", json=body)
