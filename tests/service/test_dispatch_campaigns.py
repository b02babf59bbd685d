"""Campaigns on real NATS and PostgreSQL: planned, previewed, begun, paused and ended, and the rounds that they make."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from libs.chassis.db.ids import new_id
from libs.contracts.dispatch import PatrolPlanned
from tests.support.patrols import TENANT, UNITS, begin, bring_forward, plan, planned, states
from tests.support.stage import Stage, until


@pytest.fixture
def dispatch(on_patrol: Stage) -> Stage:
    return on_patrol


async def test_a_round_that_is_made_twice_is_there_once(dispatch: Stage) -> None:
    """As when a timer fires again that had fired already."""
    campaign_id = await begin(dispatch)
    at = datetime.now(UTC) - timedelta(minutes=1)
    await bring_forward(dispatch, campaign_id, at)
    await planned(dispatch)
    await bring_forward(dispatch, campaign_id, at)

    async def moved_on() -> bool:
        shown = await dispatch.http.get(f"/v1/campaigns/{campaign_id}", params={"tenant": TENANT})
        return datetime.fromisoformat(shown.json()["next_at"]) > at

    await until(moved_on)
    assert len(await dispatch.said(PatrolPlanned)) == 1
    assert await states(dispatch) == ["planned"] * 3


async def test_the_rounds_of_an_outage_are_made_late_each_once_and_in_order(dispatch: Stage) -> None:
    campaign_id = await begin(dispatch)
    now = datetime.now(UTC)
    nine = now.replace(hour=1, minute=0, second=0, microsecond=0)
    last = nine if nine <= now else nine - timedelta(days=1)
    await bring_forward(dispatch, campaign_id, last - timedelta(days=2))
    told = await planned(dispatch, 3)
    assert [t.planned_at for t in told] == [last - timedelta(days=n) for n in (2, 1, 0)]

    async def lapsed() -> bool:
        return (await states(dispatch)).count("missed") >= 6

    await until(lapsed)
    assert len(await states(dispatch)) == 9


async def test_a_failure_midway_leaves_no_half_of_a_round(dispatch: Stage) -> None:
    campaign_id = await begin(dispatch)
    async with dispatch.database() as db:
        await db.execute(text(f"ALTER TABLE patrol_tasks ADD CONSTRAINT broken CHECK (unit <> '{UNITS[2]}')"))
    await bring_forward(dispatch, campaign_id, datetime.now(UTC) - timedelta(minutes=1))

    async def postponed() -> bool:
        async with dispatch.database() as db:
            return bool(await db.rows(text("SELECT 1 FROM timers WHERE name = 'NextRound' AND attempts > 0")))

    await until(postponed)
    assert await states(dispatch) == []
    async with dispatch.database() as db:
        assert await db.rows(text("SELECT 1 FROM patrol_rounds")) == []
        await db.execute(text("ALTER TABLE patrol_tasks DROP CONSTRAINT broken"))
        await db.execute(text("UPDATE timers SET due_at = now() WHERE name = 'NextRound'"))
    await planned(dispatch)
    assert await states(dispatch) == ["planned"] * 3


async def test_a_plan_that_does_not_fit_is_refused_with_what_would_be_right(dispatch: Stage) -> None:
    body = plan(recurrence="FREQ=HOURLY", areas=["370784004999"], category="99999")
    for url in ("/v1/campaigns", "/v1/campaigns/preview"):
        answer = await dispatch.http.post(url, json=body)
        assert answer.status_code == 422
        assert [e["field"] for e in answer.json()["errors"]] == ["areas", "recurrence", "category"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name_zh": "a\0b"},
        {"begins_at": "0001-01-01T00:00:00+08:00"},
        {"ends_at": "9999-12-31T23:59:59-08:00"},
        {"checklist": [{"name": "\0"}]},
        {"areas": []},
        {"window_minutes": 0},
    ],
    ids=str,
)
async def test_what_no_database_can_hold_is_refused_and_no_fault(dispatch: Stage, wrong: dict[str, Any]) -> None:
    assert (await dispatch.http.post("/v1/campaigns", json=plan(**wrong))).status_code == 422


async def test_a_preview_shows_the_next_rounds_and_makes_nothing(dispatch: Stage) -> None:
    answer = (await dispatch.http.post("/v1/campaigns/preview?count=3", json=plan(kinds=["lead"]))).json()
    assert len(answer["occurrences"]) == 3
    assert (answer["units"], answer["members"], answer["unassigned"]) == (3, 0, UNITS)
    assert (await dispatch.http.get("/v1/campaigns", params={"tenant": TENANT})).json() == []


async def test_a_campaign_is_begun_once_changed_paused_resumed_and_ended(dispatch: Stage) -> None:
    campaign_id = str(new_id())
    assert await begin(dispatch, campaign_id=campaign_id) == await begin(dispatch, campaign_id=campaign_id)
    other = await dispatch.http.post("/v1/campaigns", json=plan(campaign_id=campaign_id, name_en="Another"))
    assert other.status_code == 409
    url = f"/v1/campaigns/{campaign_id}"
    refused = await dispatch.http.post(f"{url}/change", json=plan(recurrence="every day"))
    assert (refused.status_code, [each["field"] for each in refused.json()["errors"]]) == (422, ["recurrence"])
    changed = await dispatch.http.post(f"{url}/change", json=plan(recurrence="FREQ=DAILY;BYHOUR=21;BYMINUTE=30"))
    assert datetime.fromisoformat(changed.json()["next_at"]).astimezone(UTC).hour == 13
    for move, state in (("pause", "paused"), ("resume", "running"), ("end", "ended")):
        answer = await dispatch.http.post(f"{url}/{move}", json={"tenant": TENANT})
        assert answer.json()["state"] == state, answer.text
    again = await dispatch.http.post(f"{url}/resume", json={"tenant": TENANT})
    assert again.status_code == 409
    async with dispatch.database() as db:
        assert await db.rows(text("SELECT 1 FROM timers")) == []
