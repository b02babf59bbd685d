"""Findings of patrols that become cases of incident, on real NATS and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from libs.chassis.db.ids import new_id
from libs.chassis.handling import timers
from libs.contracts.dispatch import CategoryChanged, HelpAsked
from libs.contracts.incident import CaseRegistered, CaseReported
from libs.contracts.values import Registration, RequestKind
from services.dispatch.findings import tables as finding_tables
from services.dispatch.orders.batch import HelpWithCase
from tests.support.patrols import TENANT, post, round_now, visit_of
from tests.support.stage import MakeStage, Stage, until

FINDING = {"description": "楼道堆放杂物，堵塞消防通道。"}


@pytest.fixture
def dispatch(on_patrol: Stage) -> Stage:
    return on_patrol


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


async def test_the_helpers_of_a_campaign_are_asked_for_the_order_of_each_finding(
    dispatch: Stage, stage: MakeStage
) -> None:
    incident = await stage("incident")
    await knows_the_category(incident)
    told = await round_now(dispatch, helpers=[f"{TENANT}01"])
    answer = await post(dispatch, visit_of(told, findings=[FINDING]))
    [found] = await findings_of(dispatch, answer, "reported")
    await dispatch.hear(*await incident.said(CaseRegistered))
    async with dispatch.database() as db:
        await db.execute(text("UPDATE timers SET due_at = now() WHERE name = 'HelpWithCase'"))
    await dispatch.fire_timers()
    [asked] = await dispatch.said(HelpAsked)
    assert (str(asked.case_id), asked.unit, asked.task, asked.asked_by) == (
        found["case_id"],
        f"{TENANT}01",
        "冬季消防巡查",
        None,
    )


async def test_a_case_that_has_no_order_yet_is_looked_at_again(dispatch: Stage) -> None:
    case_id = new_id()
    wanted = HelpWithCase(
        tenant=TENANT, case_id=case_id, due_at=datetime.now(UTC), units=(f"{TENANT}01",), task="冬季消防巡查"
    )
    async with dispatch.database() as db:
        await timers.schedule(db, [wanted])
    await dispatch.fire_timers()
    async with dispatch.database() as db:
        [again] = await db.rows(text("SELECT body, due_at FROM timers WHERE name = 'HelpWithCase'"))
    assert (again.body["case_id"], again.body["tries"]) == (str(case_id), 1)
    assert again.due_at > wanted.due_at
    assert await dispatch.said(HelpAsked) == []


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
