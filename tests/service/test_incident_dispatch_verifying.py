"""From a report that must be verified to a case: incident and dispatch tell one another what was asked and found."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from libs.contracts.dispatch import InspectionAssigned, InspectionCancelled, OrderOffered
from libs.contracts.incident import CaseRegistered, CaseRejected, Receipt, VerifyAsked
from tests.support.dispatch import answer, put_street
from tests.support.incident import categories, decide, report, view
from tests.support.stage import MakeStage, Stage

VERIFIED = """
INSERT INTO responsibilities VALUES ('370784004', '11003', '围墙倾斜', 'Leaning wall', 'safety_hazards', 'matter',
 'verify', 'micro_grid', 'party_group', '[]', 2, 'urgent_hour', 2, 'work_day', 1, 'work_day', 'note', 5, '')
"""


@pytest.fixture
async def services(stage: MakeStage) -> tuple[Stage, Stage]:
    incident = await stage("incident", "dispatch")
    dispatch = await stage("dispatch")
    await put_street(dispatch)
    async with dispatch.database() as db:
        await db.execute(text(VERIFIED))
    await incident.hear(*categories())
    return incident, dispatch


async def asked(services: tuple[Stage, Stage]) -> tuple[Receipt, InspectionAssigned]:
    """A report that must be verified, and who was sent to look."""
    incident, dispatch = services
    case = await report(incident, "11003", point=(0.5, 0.5))
    await settled(incident, dispatch)
    return case, (await dispatch.said(InspectionAssigned))[-1]


async def settled(*stages: Stage) -> None:
    """Each hears what the other says."""
    for _ in range(3):
        for each in stages:
            await each.settled()
        await asyncio.sleep(0.02)


async def test_a_true_report_becomes_a_case_with_an_order(services: tuple[Stage, Stage]) -> None:
    incident, dispatch = services
    case, sent = await asked(services)
    assert (sent.case_no, sent.member_id, sent.summary) == (case.case_no, "M1", "路灯不亮，电话…")
    assert (await answer(dispatch, sent.inspection_id, "M1", note="属实，电话13800000000")).status_code == 200
    await settled(dispatch, incident, dispatch)
    found = await view(incident, case)
    assert found["state"] == "registered"
    [step] = [step for step in found["timeline"] if step["step"] == "registered"]
    assert (step["details"]["move"], step["details"]["by_member"]) == ("confirm", "M1")
    [registered] = await incident.said(CaseRegistered)
    [offer] = await dispatch.said(OrderOffered)
    assert (registered.case_id, offer.case_id) == (case.case_id, case.case_id)
    assert await dispatch.said(InspectionCancelled) == []


async def test_an_untrue_report_is_rejected_and_its_reporter_reads_why(services: tuple[Stage, Stage]) -> None:
    incident, dispatch = services
    case, sent = await asked(services)
    await answer(dispatch, sent.inspection_id, "M1", False, "围墙完好，电话13800000000")
    await settled(dispatch, incident, dispatch)
    [rejected] = await incident.said(CaseRejected)
    assert (rejected.case_no, rejected.end_reason, rejected.note) == (case.case_no, "untrue", "围墙完好，电话…")
    assert (await view(incident, case))["state"] == "rejected"
    assert await dispatch.said(OrderOffered) == []
    assert await dispatch.kept() == await incident.kept() == []


@pytest.mark.parametrize(
    ("move", "more"),
    [
        ("verify", {"true_report": True, "note": "看过"}),
        ("verify", {"true_report": False, "note": "看过"}),
        ("reject", {"reason": "not_ours"}),
        ("void", {"reason": "mistaken"}),
    ],
)
async def test_what_staff_decide_is_decided_and_who_was_sent_hears_of_it(
    services: tuple[Stage, Stage], move: str, more: dict[str, Any]
) -> None:
    incident, dispatch = services
    case, sent = await asked(services)
    assert (await decide(incident, case, move, **more)).status_code == 200
    state = (await view(incident, case))["state"]
    await settled(incident, dispatch)
    [relieved] = await dispatch.said(InspectionCancelled)
    assert (relieved.inspection_id, relieved.member_id) == (sent.inspection_id, "M1")
    assert (await answer(dispatch, sent.inspection_id, "M1")).status_code == 409
    assert (await view(incident, case))["state"] == state


async def test_a_report_that_is_merged_needs_nobody_on_site(services: tuple[Stage, Stage]) -> None:
    incident, dispatch = services
    case, sent = await asked(services)
    other = await report(incident, "11003", point=(0.5, 0.5))
    assert (await decide(incident, case, "merge", into=other.case_no)).status_code == 200
    await settled(incident, dispatch)
    assert [fact.inspection_id for fact in await dispatch.said(InspectionCancelled)] == [sent.inspection_id]


async def test_only_what_must_be_verified_is_asked_about(services: tuple[Stage, Stage]) -> None:
    incident, _ = services
    for category in ("11001", "11002", "11003"):
        await report(incident, category, point=(0.5, 0.5))
    [told] = await incident.said(VerifyAsked)
    assert told.category == "11003"
