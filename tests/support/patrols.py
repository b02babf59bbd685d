"""A street of three micro-grids with a member each, its campaigns, and a round that has begun."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import shapely
from sqlalchemy import text

from libs.contracts.dispatch import PatrolPlanned
from tests.support.stage import Stage, until

TENANT = "370784004"
GRID = "370784004201"
UNITS = [f"{GRID}0{n}" for n in (1, 2, 3)]

STREET = f"""
INSERT INTO streets VALUES ('{TENANT}', 1);
INSERT INTO units (tenant, code, level, parent, name, aliases, org_id, org_kind, org_name, border) VALUES
('{TENANT}', '{TENANT}', 'street', NULL, '凌河街道', '[]', 'P1', 'street_committee', '街道党工委', NULL),
('{TENANT}', '{TENANT}01', 'community', '{TENANT}', '一社区', '[]', 'P2', 'community_org', '一社区党委', NULL),
('{TENANT}', '{GRID}', 'grid', '{TENANT}01', '凌河村', '[]', 'P3', 'branch', '凌河村支部', NULL);
INSERT INTO responsibilities VALUES ('{TENANT}', '12004', '消防通道堵塞', 'Fire lane blocked', 'safety_hazards',
 'matter', 'automatic', 'micro_grid', 'party_group', '[]', 1, 'urgent_hour', 4, 'urgent_hour', 1, 'work_day', 'photo',
 6, '')
"""
MICRO_GRID = f"""
INSERT INTO units (tenant, code, level, parent, name, aliases, org_id, org_kind, org_name, border) VALUES
('{TENANT}', :code, 'micro_grid', '{GRID}', '凌河村' || :n || '微', '[]', 'P4' || :n, 'party_group', '组', :border)
"""
MEMBER = f"""
INSERT INTO members
SELECT '{TENANT}', 'M' || CAST(:n AS text), '成员', 'volunteer', :code, 'P4' || CAST(:n AS text), '[]', 2, ''
"""


async def put_patrolled_street(dispatch: Stage) -> None:
    async with dispatch.database() as db:
        for statement in STREET.split(";"):
            await db.execute(text(statement))
        for n, code in enumerate(UNITS):
            border = shapely.box(119 + n * 0.01, 36, 119 + (n + 1) * 0.01, 36.01).wkb
            await db.execute(text(MICRO_GRID), {"code": code, "n": str(n), "border": border})
            await db.execute(text(MEMBER), {"n": str(n), "code": code})


def plan(**other: object) -> dict[str, Any]:
    usual = {
        "tenant": TENANT,
        "name_zh": "冬季消防巡查",
        "name_en": "Winter fire patrol",
        "areas": [TENANT],
        "recurrence": "FREQ=DAILY;BYHOUR=9;BYMINUTE=0",
        "begins_at": "2026-01-01T00:00:00+08:00",
        "window_minutes": 600,
        "checklist": [{"name": "灭火器在位", "kind": "yes_no", "photo": True}],
        "category": "12004",
    }
    return {**usual, **other}


async def begin(dispatch: Stage, **other: object) -> str:
    answer = await dispatch.http.post("/v1/campaigns", json=plan(**other))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["campaign_id"])


async def bring_forward(dispatch: Stage, campaign_id: str, to: datetime) -> None:
    """As if the campaign's next round had been due then."""
    async with dispatch.database() as db:
        await db.execute(
            text("UPDATE campaigns SET next_at = :at WHERE campaign_id = :id"), {"at": to, "id": UUID(campaign_id)}
        )
        await db.execute(
            text(
                "UPDATE timers SET due_at = :at, body = body || jsonb_build_object('due_at', CAST(:said AS text)) "
                "WHERE name = 'NextRound' AND key = :id"
            ),
            {"at": to, "said": to.isoformat(), "id": campaign_id},
        )


async def planned(dispatch: Stage, count: int = 1) -> list[PatrolPlanned]:
    async def enough() -> Sequence[PatrolPlanned] | None:
        told = await dispatch.said(PatrolPlanned)
        return told if len(told) >= count else None

    return list(await until(enough))


async def round_now(dispatch: Stage, **other: object) -> PatrolPlanned:
    """A round that has begun just now."""
    campaign_id = await begin(dispatch, **other)
    await bring_forward(dispatch, campaign_id, datetime.now(UTC) - timedelta(minutes=1))
    [told] = await planned(dispatch)
    return told


def visit_of(told: PatrolPlanned, n: int = 0, **other: object) -> dict[str, Any]:
    usual = {
        "tenant": TENANT,
        "key": f"phone-{n}",
        "round_id": str(told.round_id),
        "unit": UNITS[n],
        "member_id": f"M{n}",
        "visited_at": datetime.now(UTC).isoformat(),
        "point": {"longitude": 119.005 + n * 0.01, "latitude": 36.005},
        "answers": [{"item": "灭火器在位", "value": True, "photos": ["p1"]}],
    }
    return {**usual, **other}


async def post(dispatch: Stage, visit: dict[str, Any]) -> httpx.Response:
    return await dispatch.http.post("/v1/patrols/visits", json=visit)


async def states(dispatch: Stage) -> list[str]:
    async with dispatch.database() as db:
        return [row.state for row in await db.rows(text("SELECT state FROM patrol_tasks ORDER BY round_id, unit"))]


async def lapse_now(dispatch: Stage) -> None:
    """The time of every round is over, and what was left is missed."""
    async with dispatch.database() as db:
        await db.execute(text("UPDATE timers SET due_at = now() WHERE name = 'RoundOver'"))

    async def fired() -> bool:
        async with dispatch.database() as db:
            return not await db.rows(text("SELECT 1 FROM timers WHERE name = 'RoundOver'"))

    await until(fired)
