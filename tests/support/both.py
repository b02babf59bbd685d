"""Incident and dispatch together: what one says the other hears."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import shapely
from sqlalchemy import text

from libs.chassis.db.ids import new_id
from libs.contracts.incident import ReportCase
from tests.support.dispatch import TENANT, put_street
from tests.support.incident import categories
from tests.support.stage import MakeStage, Stage


@dataclass(frozen=True)
class Both:
    incident: Stage
    dispatch: Stage

    async def settled(self) -> None:
        """Twice: what one says the other hears."""
        for service in (self.incident, self.dispatch, self.incident, self.dispatch):
            await service.settled()

    async def report(self, key: str = "k-1", *, at: float = 0.5, **more: Any) -> httpx.Response:
        """A lamp at (`at`, 0.5), unless it is said to be something else."""
        body = {"tenant": TENANT, "category": "11001", "text": "路灯不亮", **more}
        place = {"place": {"point": {"longitude": at, "latitude": 0.5}}}
        return await self.incident.http.post("/v1/reports", json=place | body, headers={"Idempotency-Key": key})

    async def report_over_bus(self, **said: Any) -> None:
        """As another system reports, until both have done with it."""
        head = {"id": new_id(), "correlation_id": new_id(), "tenant": TENANT, "occurred_at": datetime.now(UTC)}
        wish = ReportCase(**head, sender="hotline", key="HL-1", category="11001", **said)
        bus = await self.incident.service.broker.connect()
        reply = await bus.request(wish.subject, wish.model_dump_json().encode(), timeout=5)
        assert b"case_no" in reply.data, reply.data
        await self.settled()

    async def case(self, receipt: dict[str, str], **asked: str) -> dict[str, Any]:
        answer = await self.incident.http.get(f"/v1/cases/{receipt['case_no']}", params={"tenant": TENANT, **asked})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def orders(self, **wanted: str) -> Sequence[dict[str, Any]]:
        answer = await self.dispatch.http.get("/v1/orders", params={"tenant": TENANT, **wanted})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found


BESIDE = "37078400420102"
"""A second micro-grid, where (1.5, 0.5) is; N1 and N2 are there, and a report of 11003 is verified."""
STREET_BESIDE = f"""
INSERT INTO units (tenant, code, level, parent, name, aliases, org_id, org_kind, org_name, border) VALUES
('370784004', '{BESIDE}', 'micro_grid', '370784004201', '凌河村二微', '[]', 'P5', 'party_group', '二组',
 decode('{shapely.box(1, 0, 2, 1).wkb_hex}', 'hex'));
INSERT INTO members SELECT '370784004', 'N' || n, '邻居' || n, 'volunteer', '{BESIDE}', 'P5', '[]', 2, ''
FROM generate_series(1, 2) n;
INSERT INTO responsibilities SELECT tenant, category, '围墙倾斜', 'Leaning wall', 'safety_hazards', 'matter', policy,
 'micro_grid', 'party_group', '[]', 2, 'urgent_hour', 2, 'work_day', 1, 'work_day', 'note', 5, ''
FROM (VALUES ('370784004', '11002', 'acceptor'), ('370784004', '11003', 'verify')) AS more (tenant, category, policy)
"""


async def make_both(stage: MakeStage, *, beside: bool = False) -> Both:
    dispatch = await stage("dispatch", "incident")
    await put_street(dispatch)
    if beside:
        async with dispatch.database() as db:
            for statement in STREET_BESIDE.split(";"):
                await db.execute(text(statement))
    incident = await stage("incident")
    await incident.hear(*categories())
    return Both(incident, dispatch)
