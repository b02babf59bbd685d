"""Campaigns, rounds and visits on real NATS and PostgreSQL, and findings that become cases of incident."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import shapely
from sqlalchemy import text

from libs.chassis.ids import new_id
from libs.contracts.dispatch import CategoryChanged, PatrolAssigned, PatrolMissed, PatrolPlanned, PatrolVisited
from libs.contracts.incident import CaseReported
from libs.contracts.words import STREET_ZONE, Registration, RequestKind
from services.dispatch.tables import findings as finding_tables
from services.dispatch.tables import patrols as tables
from tests.support.stage import MakeStage, Stage, until

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
SELECT '{TENANT}', 'M' || CAST(:n AS text), '成员', 'volunteer', :code, 'P4' || CAST(:n AS text), false, '[]', 2, ''
"""


@pytest.fixture
async def dispatch(stage: MakeStage) -> Stage:
    running = await stage("dispatch", "incident")
    async with running.database() as db:
        for statement in STREET.split(";"):
            await db.execute(text(statement))
        for n, code in enumerate(UNITS):
            border = shapely.box(119 + n * 0.01, 36, 119 + (n + 1) * 0.01, 36.01).wkb
            await db.execute(text(MICRO_GRID), {"code": code, "n": str(n), "border": border})
            await db.execute(text(MEMBER), {"n": str(n), "code": code})
    return running


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


async def test_a_visit_sent_again_has_the_same_answer_and_counts_once(dispatch: Stage) -> None:
    told = await round_now(dispatch)
    body = visit_of(told)
    answers = await asyncio.gather(*(post(dispatch, body) for _ in range(5)))
    answers.append(await post(dispatch, {**body, "field_of_the_future": 1}))
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
    changed = await dispatch.http.put(url, json=plan(recurrence="FREQ=DAILY;BYHOUR=21;BYMINUTE=30"))
    assert datetime.fromisoformat(changed.json()["next_at"]).astimezone(UTC).hour == 13
    for move, state in (("pause", "paused"), ("resume", "running"), ("end", "ended")):
        answer = await dispatch.http.post(f"{url}/{move}", json={"tenant": TENANT})
        assert answer.json()["state"] == state, answer.text
    again = await dispatch.http.post(f"{url}/resume", json={"tenant": TENANT})
    assert again.status_code == 409
    async with dispatch.database() as db:
        assert await db.rows(text("SELECT 1 FROM timers")) == []


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
    far = await dispatch.http.get("/v1/patrols/missed", params={**asked, "last": "2099-01-01"})
    assert far.status_code == 422


FINDING = {"description": "楼道堆放杂物，堵塞消防通道。"}


async def findings_of(dispatch: Stage, answer: httpx.Response, state: str) -> list[dict[str, Any]]:
    url = f"/v1/patrols/visits/{answer.json()['visit_id']}"

    async def there() -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = (await dispatch.http.get(url, params={"tenant": TENANT})).json()["findings"]
        return found if all(each["state"] == state for each in found) else None

    return list(await until(there))


async def knows_the_category(incident: Stage) -> None:
    fact = CategoryChanged(
        tenant=TENANT,
        occurred_at=datetime.now(UTC),
        category="12004",
        name_zh="消防通道堵塞",
        name_en="Fire lane blocked",
        area="safety_hazards",
        registration=Registration.AUTOMATIC,
    )
    await incident.hear(fact)


async def asked_in_vain(dispatch: Stage) -> None:
    """Until incident, which nobody has started yet, has been asked for every finding; they wait for it."""

    async def asked() -> bool:
        async with dispatch.database() as db:
            found = await db.rows(text("SELECT state, attempts FROM findings"))
        assert {row.state for row in found} == {"pending"}
        return all(row.attempts for row in found)

    await until(asked)


async def test_a_finding_becomes_a_case_of_kind_patrol_and_its_number_comes_back(
    dispatch: Stage, stage: MakeStage
) -> None:
    told = await round_now(dispatch)
    answer = await post(dispatch, visit_of(told, findings=[FINDING, FINDING]))
    await asked_in_vain(dispatch)
    # An incident that answers before it knows the categories refuses the findings, and rightly.
    dispatch.service.draining = True
    incident = await stage("incident")
    await knows_the_category(incident)
    dispatch.service.draining = False
    found = await findings_of(dispatch, answer, "reported")
    reported = await incident.said(CaseReported)
    assert {f["case_id"] for f in found} == {str(r.case_id) for r in reported}
    assert {r.request_kind for r in reported} == {RequestKind.PATROL}
    assert len(reported) == 2


async def test_a_finding_that_is_asked_for_again_has_one_case(dispatch: Stage, stage: MakeStage) -> None:
    """As when the process dies between the answer and its record."""
    told = await round_now(dispatch)
    incident = await stage("incident")
    await knows_the_category(incident)
    answer = await post(dispatch, visit_of(told, findings=[FINDING]))
    [first] = await findings_of(dispatch, answer, "reported")
    async with dispatch.database() as db:
        forgotten = "state = 'pending', case_no = NULL, case_id = NULL, due_at = now()"
        await db.execute(text(f"UPDATE findings SET {forgotten}"))
    [again] = await findings_of(dispatch, answer, "reported")
    assert again["case_no"] == first["case_no"]
    assert len(await incident.said(CaseReported)) == 1


async def test_a_finding_that_incident_refuses_keeps_the_reason(dispatch: Stage, stage: MakeStage) -> None:
    told = await round_now(dispatch)
    await stage("incident")
    answer = await post(dispatch, visit_of(told, findings=[FINDING]))
    [refused] = await findings_of(dispatch, answer, "refused")
    assert "no categories are known for this street" in refused["reason"]
    assert refused["case_no"] is None


async def test_two_processes_ask_for_a_finding_once_at_a_time(dispatch: Stage) -> None:
    told = await round_now(dispatch)
    dispatch.service.draining = True
    await post(dispatch, visit_of(told, findings=[FINDING] * 5))
    async with dispatch.database() as one, dispatch.database() as other:
        leased = [len(await finding_tables.lease_due(db, 3)) for db in (one, other)]
    assert leased == [3, 2]


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
        (tables.COVERAGE, days),
        (tables.MISSED, days),
        (tables.TO_DO, {"tenant": TENANT, "member_id": "M1"}),
        (tables.OF_ROUND, {"tenant": TENANT, "round_id": one, "after": "", "limit": 10}),
        (tables.VISIT, {"tenant": TENANT, "visit_id": one}),
        (tables.VISITS_OF_TASK, {"tenant": TENANT, "round_id": one, "unit": UNITS[0]}),
        (tables.FINDINGS, {"visits": [one]}),
        (finding_tables.LEASE, {"lease": 60, "limit": 100}),
    ]
