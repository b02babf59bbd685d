"""Meetings as tests record them, and the units of the small street as incident hears of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from libs.contracts.dispatch import UnitChanged
from libs.contracts.values import Level, OrgKind
from tests.support.dispatch import TENANT
from tests.support.stage import NOON, Stage

COMMUNITY, GRID, MICRO_GRID = "37078400401", "370784004201", "37078400420101"
HELD_AT = datetime.now(UTC) - timedelta(days=3)


def units() -> list[UnitChanged]:
    """The street of tests.support.dispatch."""
    rows = (
        (TENANT, Level.STREET, None, "凌河街道", OrgKind.STREET_COMMITTEE),
        (COMMUNITY, Level.COMMUNITY, TENANT, "一社区", OrgKind.COMMUNITY_ORG),
        (GRID, Level.GRID, COMMUNITY, "凌河村", OrgKind.BRANCH),
        (MICRO_GRID, Level.MICRO_GRID, GRID, "凌河村一微", OrgKind.PARTY_GROUP),
        (f"{GRID}02", Level.MICRO_GRID, GRID, "凌河村二微", OrgKind.PARTY_GROUP),
    )
    return [
        UnitChanged(
            tenant=TENANT,
            occurred_at=NOON,
            code=code,
            level=level,
            parent=parent,
            name=name,
            org_id="P1",
            org_name="支部",
            org_kind=kind,
        )
        for code, level, parent, name, kind in rows
    ]


def minutes(**more: Any) -> dict[str, Any]:
    """Of a council with two matters, one of them of somebody who can be told."""
    return {
        "tenant": TENANT,
        "by_member": "M1",
        "kind": "council",
        "unit": GRID,
        "held_at": HELD_AT.isoformat(),
        "place": {"name": "村委会"},
        "matters": [
            {"category": "11001", "text": "村口能不能加一盏路灯？", "contact": {"email": "wang@mail.example"}},
            {"category": "11001", "text": "广场的灯关得太早", "place": {"point": {"longitude": 0.5, "latitude": 0.5}}},
        ],
        **more,
    }


async def record(incident: Stage, key: str = "m-1", language: str = "en", **more: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key, "Accept-Language": language}
    return await incident.http.post("/v1/meetings", json=minutes(**more), headers=headers)


async def agenda(incident: Stage, unit: str = GRID, **more: Any) -> list[dict[str, Any]]:
    asked = {"tenant": TENANT, "unit": unit, **more}
    answer = await incident.http.get("/v1/meetings/agenda", params=asked)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found
