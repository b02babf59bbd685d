"""The dispatch service on real NATS and PostgreSQL: facts in, orders, offers and facts out."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import pytest
from sqlalchemy import text

from libs.chassis.ids import new_id
from libs.chassis.testing import NOON, Stage
from libs.contracts.dispatch import OrderDispatched, OrderOffered
from libs.contracts.incident import CaseRegistered
from libs.contracts.words import Place, Point, RequestKind
from tests.conftest import MakeStage

TENANT = "370784004"


def registered(category: str = "11001", place: Place | None = None, at: datetime = NOON) -> CaseRegistered:
    return CaseRegistered(
        tenant=TENANT,
        occurred_at=at,
        case_id=new_id(),
        case_no="20261123-000001",
        category=category,
        category_name="路灯不亮",
        request_kind=RequestKind.SNAPSHOT,
        place=place or Place(point=Point(longitude=0.5, latitude=0.5)),
        summary="路灯不亮",
    )


@pytest.fixture
async def dispatch(stage: MakeStage) -> Stage:
    running = await stage("dispatch")
    async with running.database() as db:
        for statement in STREET.split(";"):
            await db.execute(text(statement))
    return running


STREET = """
INSERT INTO streets VALUES ('370784004', gen_random_uuid());
INSERT INTO units (tenant, code, level, parent, name, aliases, org_id, org_kind, org_name, border) VALUES
('370784004', '370784004', 'street', NULL, '凌河街道', '[]', 'P1', 'street_committee', '街道党工委', NULL),
('370784004', '37078400401', 'community', '370784004', '一社区', '[]', 'P2', 'community_org', '一社区党委', NULL),
('370784004', '370784004201', 'grid', '37078400401', '凌河村', '["凌河"]', 'P3', 'branch', '凌河村支部', NULL),
('370784004', '37078400420101', 'micro_grid', '370784004201', '凌河村一微', '[]', 'P4', 'party_group', '一组',
 decode('0103000000010000000500000000000000000000000000000000000000000000000000f03f0000000000000000000000000000f03f000000000000f03f0000000000000000000000000000f03f00000000000000000000000000000000', 'hex'));
INSERT INTO members SELECT '370784004', 'M' || n, '成员' || n, 'volunteer', '37078400420101', 'P4', false, '[]', 2, ''
FROM generate_series(1, 4) n;
INSERT INTO responsibilities VALUES ('370784004', '11001', '路灯不亮', 'Street lamp out', 'public_services',
 'component', 'automatic', 'micro_grid', 'party_group', '[]', 4, 'work_hour', 2, 'work_day', 1, 'work_day', 'note', 5, '')
"""


async def test_a_registered_case_is_dispatched_to_its_party_group_and_offered(dispatch: Stage) -> None:
    case = registered()
    await dispatch.hear(case)
    [order] = await dispatch.said(OrderDispatched)
    [offer] = await dispatch.said(OrderOffered)
    assert (order.unit, order.org_id, order.case_id) == ("37078400420101", "P4", case.case_id)
    assert order.correlation_id == case.case_id
    assert offer.offered_to == ("M1", "M2", "M3")


async def test_the_same_case_told_twice_has_one_order(dispatch: Stage) -> None:
    case = registered().stamped(new_id(), new_id())
    await dispatch.hear(case, case)
    await dispatch.hear(case)
    assert len(await dispatch.said(OrderDispatched)) == 1


async def test_exactly_one_of_many_claims_wins(dispatch: Stage) -> None:
    import asyncio

    await dispatch.hear(registered())
    [offer] = await dispatch.said(OrderOffered)
    path = f"/v1/orders/{offer.order_id}/claim"
    answers = await asyncio.gather(
        *(dispatch.http.post(path, json={"tenant": TENANT, "member_id": f"M{n % 3 + 1}"}) for n in range(30))
    )
    winners = {a.json()["member_id"] for a in answers if a.status_code == 200}
    assert len(winners) == 1
    assert {a.status_code for a in answers} == {200, 409}
    assert UUID(answers[0].json().get("order_id", str(offer.order_id))) == offer.order_id
