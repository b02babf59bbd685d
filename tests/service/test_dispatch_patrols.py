"""Rounds of patrols on real NATS and PostgreSQL: tasks, visits, what was missed, and coverage."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from libs.contracts.dispatch import PatrolAssigned, PatrolMissed, PatrolPlanned, PatrolVisited
from libs.street_time import STREET_ZONE
from services.dispatch.coverage import tables as coverage_tables
from services.dispatch.findings import tables as finding_tables
from services.dispatch.patrols import tables
from tests.support.patrols import GRID, TENANT, UNITS, lapse_now, post, round_now, states, visit_of
from tests.support.stage import Stage


@pytest.fixture
def dispatch(on_patrol: Stage) -> Stage:
    return on_patrol


async def test_a_round_gives_each_unit_one_task_and_tells_each_member_once(dispatch: Stage) -> None:
    told = await round_now(dispatch)
    assert (told.tasks, told.unassigned) == (3, 0)
    [assigned] = await dispatch.said(PatrolAssigned)
    assert (assigned.member_ids, assigned.tasks) == (("M0", "M1", "M2"), 1)
    tasks = (await dispatch.http.get(f"/v1/patrols/rounds/{told.round_id}/tasks", params={"tenant": TENANT})).json()
    assert [(t["unit"], t["member_id"], t["state"]) for t in tasks] == [
        (unit, f"M{n}", "planned") for n, unit in enumerate(UNITS)
    ]
    [mine] = (await dispatch.http.get("/v1/members/M1/patrols", params={"tenant": TENANT})).json()
    assert (mine["unit"], mine["checklist"][0]["name"]) == (UNITS[1], "灭火器在位")


async def test_who_is_absent_has_no_task_and_another_has_theirs(dispatch: Stage) -> None:
    async with dispatch.database() as db:
        columns = "(absence_id, tenant, member_id, from_at, until_at, reason)"
        times = "now() - interval '1 hour', now() + interval '1 day'"
        await db.execute(
            text(f"INSERT INTO absences {columns} VALUES (gen_random_uuid(), '{TENANT}', 'M1', {times}, 'leave')")
        )
    await round_now(dispatch)
    told = await dispatch.said(PatrolAssigned)
    assert [(fact.tasks, fact.member_ids) for fact in told] == [(1, ("M0",)), (2, ("M2",))]


async def test_a_visit_sent_again_has_the_same_answer_and_counts_once(dispatch: Stage) -> None:
    told = await round_now(dispatch)
    body = visit_of(told)
    answers = await asyncio.gather(*(post(dispatch, body) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    [fact] = await dispatch.said(PatrolVisited)
    assert (fact.first, fact.on_time, fact.in_place, fact.org_id) == (True, True, True, "P40")
    other = await post(dispatch, {**body, "member_id": "M2"})
    assert (other.status_code, other.json()["title"]) == (422, "Key used for another visit")


async def test_a_second_visit_is_kept_and_is_not_the_first(dispatch: Stage) -> None:
    told = await round_now(dispatch)
    body = visit_of(told)
    await asyncio.gather(post(dispatch, body), post(dispatch, {**body, "key": "b"}))
    assert sorted(fact.first for fact in await dispatch.said(PatrolVisited)) == [False, True]
    url = f"/v1/patrols/rounds/{told.round_id}/tasks/{UNITS[0]}/visits"
    assert len((await dispatch.http.get(url, params={"tenant": TENANT})).json()) == 2


async def test_a_visit_after_the_time_is_late_and_one_in_time_that_comes_later_counts(dispatch: Stage) -> None:
    told = await round_now(dispatch)
    async with dispatch.database() as db:
        over = datetime.now(UTC) - timedelta(seconds=20)
        await db.execute(text("UPDATE patrol_rounds SET visit_by = :over"), {"over": over})
    await lapse_now(dispatch)
    assert await states(dispatch) == ["missed"] * 3
    late = await post(dispatch, visit_of(told, 0))
    in_time = await post(dispatch, visit_of(told, 1, visited_at=told.planned_at.isoformat()))
    assert (late.json()["on_time"], in_time.json()["on_time"]) == (False, True)
    assert await states(dispatch) == ["late", "visited", "missed"]


async def test_what_was_missed_is_told_in_one_digest(dispatch: Stage) -> None:
    told = await round_now(dispatch)
    await post(dispatch, visit_of(told, 1))
    await lapse_now(dispatch)
    [digest] = await dispatch.said(PatrolMissed)
    assert (digest.unit, digest.org_id, digest.missed, digest.missed_orgs) == (
        GRID,
        "P3",
        (UNITS[0], UNITS[2]),
        ("P40", "P42"),
    )


async def test_a_visit_from_elsewhere_is_kept_and_flagged(dispatch: Stage) -> None:
    told = await round_now(dispatch)
    answer = await post(dispatch, visit_of(told, 0, point={"longitude": 119.025, "latitude": 36.005}))
    assert answer.status_code == 201
    assert answer.json()["in_place"] is False
    assert answer.json()["metres_off"] > 1000
    assert (await states(dispatch))[0] == "visited"


async def test_a_visit_that_does_not_fit_says_what_would_be_right_and_takes_no_key(dispatch: Stage) -> None:
    told = await round_now(dispatch)
    wrong = await post(dispatch, visit_of(told, answers=[{"item": "灭火器在位", "value": "ok"}], member_id="M9"))
    assert wrong.status_code == 422
    assert [e["field"] for e in wrong.json()["errors"]] == ["member_id", "answers"]
    assert (await post(dispatch, visit_of(told))).status_code == 201
    nowhere = await post(dispatch, visit_of(told, key="x", unit="370784004999"))
    assert nowhere.status_code == 404


async def test_what_a_phone_has_kept_is_answered_one_by_one(dispatch: Stage) -> None:
    told = await round_now(dispatch)
    visits = [{k: v for k, v in visit_of(told, n).items() if k != "tenant"} for n in range(3)]
    visits[1]["answers"] = []
    answer = await dispatch.http.post("/v1/patrols/visits/batch", json={"tenant": TENANT, "visits": visits})
    assert [(a["key"], a["status"]) for a in answer.json()] == [("phone-0", 201), ("phone-1", 422), ("phone-2", 201)]
    assert "灭火器在位 is not answered" in answer.json()[1]["problem"]


async def test_coverage_and_what_was_missed_are_shown_and_exported(dispatch: Stage) -> None:
    told = await round_now(dispatch)
    await post(dispatch, visit_of(told, 1))
    await lapse_now(dispatch)
    day = told.planned_at.astimezone(STREET_ZONE).date().isoformat()
    asked = {"tenant": TENANT, "first": day}
    [grid] = (await dispatch.http.get("/v1/patrols/coverage", params={**asked, "level": "grid"})).json()
    assert (grid["unit"], grid["planned"], grid["visited"], grid["missed"], grid["percent"]) == (GRID, 3, 1, 2, 33.33)
    missed = (await dispatch.http.get("/v1/patrols/missed", params={**asked, "under": UNITS[0]})).json()
    assert [(m["unit"], m["unit_name"], m["org_id"]) for m in missed] == [(UNITS[0], "凌河村0微", "P40")]
    table = await dispatch.http.get("/v1/patrols/coverage", params={**asked, "format": "csv"})
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    header, line = table.content.decode("utf-8-sig").splitlines()
    assert header.startswith("day,unit,unit_name,level,planned")
    assert line == f"{day},{TENANT}01,一社区,community,3,1,0,2,0,33.33"
    asked |= {"format": "csv"}
    chinese = {"Accept-Language": "zh"}
    table = await dispatch.http.get("/v1/patrols/coverage", params=asked, headers=chinese)
    header, line = table.content.decode("utf-8-sig").splitlines()
    assert header == "日期,网格代码,网格,层级,应巡,已巡,逾期巡查,漏巡,未到期,覆盖率（%）"
    assert line == f"{day},{TENANT}01,一社区,社区,3,1,0,2,0,33.33"
    table = await dispatch.http.get("/v1/patrols/missed", params=asked, headers=chinese)
    assert table.content.decode("utf-8-sig").startswith("日期,网格代码,网格,组织编号,成员编号,专项行动编号")
    far = await dispatch.http.get("/v1/patrols/missed", params={**asked, "last": "2099-01-01"})
    assert far.status_code == 422


async def test_no_look_up_of_patrols_reads_all_there_is(dispatch: Stage) -> None:
    told = await round_now(dispatch)
    async with dispatch.database() as db:
        for statement in MANY.split(";"):
            await db.execute(text(statement))
    async with dispatch.database() as db:
        for table in ("patrol_rounds", "patrol_tasks", "visits", "findings"):
            await db.execute(text(f"ANALYZE {table}"))
        plans = []
        for statement, values in _look_ups(told):
            rows = await db.rows(text("EXPLAIN " + statement.text), values)
            plans.append("\n".join(row[0] for row in rows))
    assert [plan for plan in plans if "Seq Scan" in plan] == []


MANY = f"""
INSERT INTO patrol_rounds SELECT gen_random_uuid(), tenant, campaign_id, name_zh, name_en,
 planned_at - make_interval(days => n), visit_by - make_interval(days => n), checklist, category
FROM patrol_rounds, generate_series(1, 400) n;
INSERT INTO patrol_tasks SELECT r.round_id, '{GRID}' || n, tenant, CAST(planned_at AS date), 'M' || n, 'visited'
FROM patrol_rounds r, generate_series(1000, 1100) n;
INSERT INTO visits SELECT gen_random_uuid(), tenant, round_id || unit, '', round_id, unit, 'M1', 'P1', now(), now(),
 119, 36, 0, true, true, true, '[]' FROM patrol_tasks;
INSERT INTO findings SELECT gen_random_uuid(), visit_id, tenant, '12004', 'x', 119, 36, '[]', 'M1', now(), 'refused',
 1, NULL, NULL, NULL, 'x' FROM visits
"""


def _look_ups(told: PatrolPlanned) -> list[tuple[Any, dict[str, Any]]]:
    day, one = told.planned_at.date(), told.round_id
    days = {"tenant": TENANT, "first": day, "last": day, "campaign_id": None}
    return [
        (tables.LOCK_TASKS, {"rounds": [one], "units": [UNITS[0]]}),
        (tables.LAPSE, {"rounds": [one]}),
        (tables.VISITS_BY_KEY, {"tenants": [TENANT], "keys": ["phone-0"]}),
        (coverage_tables.COVERAGE, days),
        (coverage_tables.MISSED, days),
        (tables.TO_DO, {"tenant": TENANT, "member_id": "M1"}),
        (tables.OF_ROUND, {"tenant": TENANT, "round_id": one, "after": "", "limit": 10}),
        (tables.VISIT, {"tenant": TENANT, "visit_id": one}),
        (tables.VISITS_OF_TASK, {"tenant": TENANT, "round_id": one, "unit": UNITS[0]}),
        (tables.FINDINGS, {"visits": [one]}),
        (finding_tables.LEASE, {"lease": 60, "limit": 100}),
    ]
