"""Voided, merged, unmerged and settled cases, on real NATS and PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from libs.contracts.incident import CaseEvaluated, CaseMerged, CaseReopened, CaseUnmerged, CaseVoided
from services.incident.cases import audit
from services.incident.cases.domain.history import broken
from tests.support.incident import MEMBER, TENANT, Orders, decide, feedback, report, view
from tests.support.stage import Stage


async def track(stage: Stage, code: str) -> dict[str, Any]:
    answer = await stage.http.get(f"/v1/track/{code}")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def test_a_voided_case_tells_why_and_is_not_moved_by_its_order_any_more(incident: Stage) -> None:
    case, waiting = await report(incident), await report(incident, "11002")
    order = Orders(case)
    await incident.hear(order.dispatched(), order.claimed())
    assert (await decide(incident, case, "void", reason="untrue")).status_code == 422
    said = {"reason": "mistaken", "note": "与上报人核实，电话13800000000"}
    assert (await decide(incident, case, "void", **said)).json()["state"] == "void"
    assert (await decide(incident, waiting, "void", reason="test")).status_code == 200
    await incident.hear(order.handled(-1))
    assert (await view(incident, case))["state"] == "void"
    voided = {v.case_no: v for v in await incident.said(CaseVoided)}
    assert (voided[case.case_no].end_reason, voided[case.case_no].opening) == ("mistaken", 0)
    assert voided[case.case_no].note == "与上报人核实，电话…"
    assert voided[waiting.case_no].opening is None
    tracked = await track(incident, case.tracking_code)
    assert (tracked["reason"]["en"], tracked["note"]) == ("it was reported by mistake", "与上报人核实，电话…")
    again = await decide(incident, case, "void", reason="mistaken")
    assert (again.status_code, [each["move"] for each in again.json()["allowed"]]) == (409, ["reword"])


async def test_who_reported_a_merged_case_follows_the_one_that_survives(incident: Stage) -> None:
    survivor, merged = await report(incident), await report(incident)
    answer = await decide(incident, merged, "merge", into=survivor.case_no, note="同一盏灯")
    assert answer.json() == {"case_no": merged.case_no, "state": "merged"}
    [told] = await incident.said(CaseMerged)
    assert (told.case_no, told.into_case_id, told.opening) == (merged.case_no, survivor.case_id, 0)
    order = Orders(survivor)
    await incident.hear(order.dispatched(), order.claimed(), order.handled(), order.checked())
    tracked = await track(incident, merged.tracking_code)
    assert (tracked["case_no"], tracked["state"], tracked["joined"]) == (merged.case_no, "closed", True)
    assert survivor.case_no not in str(tracked)
    assert tracked["handle_by"] is not None
    staff = await view(incident, survivor)
    assert staff["joined"] == [merged.case_no]
    assert [s["step"] for s in staff["timeline"] if s["step"] == "joined"] == ["joined"]
    assert (await view(incident, merged))["merged_into"] == survivor.case_no


async def test_feedback_on_a_merged_case_is_feedback_on_the_survivor(incident: Stage) -> None:
    survivor, merged = await report(incident), await report(incident)
    await decide(incident, merged, "merge", into=survivor.case_no)
    await incident.hear(Orders(survivor).checked())
    assert (await feedback(incident, survivor, True)).json()["reopened"] is False
    assert (await feedback(incident, survivor, False)).status_code == 409
    answer = await feedback(incident, merged, False, "还是不亮")
    assert answer.json() == {
        "case_no": merged.case_no,
        "satisfied": False,
        "reopened": True,
        "state": "in_progress",
    }
    assert (await feedback(incident, merged, False, "还是不亮")).json() == answer.json()
    [reopened] = await incident.said(CaseReopened)
    assert (reopened.case_no, reopened.opening) == (survivor.case_no, 1)
    assert [e.satisfied for e in await incident.said(CaseEvaluated)] == [True, False]
    assert (await view(incident, survivor))["state"] == "in_progress"


async def test_an_unmerged_case_is_registered_again_and_keeps_what_happened(incident: Stage) -> None:
    survivor, merged = await report(incident), await report(incident)
    before = Orders(merged)
    await incident.hear(before.claimed())
    await decide(incident, merged, "merge", into=survivor.case_no)
    joined_at = datetime.now(UTC)
    assert (await decide(incident, merged, "unmerge")).status_code == 422
    assert (await decide(incident, merged, "unmerge", note="是另一盏灯")).json()["state"] == "registered"
    [told] = await incident.said(CaseUnmerged)
    assert (told.opening, told.from_case_no, told.summary) == (1, survivor.case_no, "路灯不亮，电话…")
    late = before.claimed(minutes_ago=5)
    await incident.hear(late)
    found = await view(incident, merged)
    assert (found["state"], found["merged_into"]) == ("registered", None)
    steps = [s["step"] for s in sorted(found["timeline"], key=lambda s: s["position"])]
    assert steps == ["reported", "registered", "claimed", "merged", "unmerged", "claimed"]
    url = f"/v1/cases/{merged.case_no}"
    then = (await incident.http.get(url, params={"tenant": TENANT, "as_of": joined_at.isoformat()})).json()
    assert (then["state"], then["merged_into"]) == ("merged", survivor.case_no)
    assert (await decide(incident, merged, "unmerge", note="再来")).status_code == 409
    async with incident.database() as db:
        assert [broken(h.entries, h.head) async for h in audit.histories(db, TENANT)] == [None, None]


async def test_merging_two_cases_into_one_another_at_once_leaves_one_of_them(incident: Stage) -> None:
    one, other = await report(incident), await report(incident)
    answers = await asyncio.gather(
        decide(incident, one, "merge", into=other.case_no), decide(incident, other, "merge", into=one.case_no)
    )
    assert sorted(a.status_code for a in answers) == [200, 409]
    assert sorted([(await view(incident, c))["state"] for c in (one, other)]) == ["merged", "registered"]


async def test_a_merge_that_cannot_be_says_what_can(incident: Stage) -> None:
    one, other, third = [await report(incident) for _ in range(3)]
    await decide(incident, one, "merge", into=other.case_no)
    chained = await decide(incident, third, "merge", into=one.case_no)
    assert (chained.status_code, other.case_no in chained.json()["detail"]) == (409, True)
    turned = await decide(incident, other, "merge", into=third.case_no)
    assert turned.status_code == 409
    assert (await decide(incident, third, "merge", into="20261123-999999")).status_code == 404


async def test_children_are_listed_and_go_their_own_way(incident: Stage) -> None:
    parent, child = await report(incident), await report(incident)
    body = {"tenant": TENANT, "by_member": MEMBER, "parent": parent.case_no}
    assert (await incident.http.put(f"/v1/cases/{child.case_no}/parent", json=body)).status_code == 200
    await incident.hear(Orders(parent).checked())
    found = await view(incident, parent)
    assert (found["state"], found["children"]) == ("closed", [{"case_no": child.case_no, "state": "registered"}])
    assert (await view(incident, child))["parent"] == parent.case_no
    turned = {**body, "parent": child.case_no}
    assert (await incident.http.put(f"/v1/cases/{parent.case_no}/parent", json=turned)).status_code == 409
    out = {**body, "parent": None}
    assert (await incident.http.put(f"/v1/cases/{child.case_no}/parent", json=out)).status_code == 200
    assert (await view(incident, parent))["children"] == []


async def test_a_case_that_may_be_known_is_shown_to_staff_with_reasons_and_to_its_reporter_without_words(
    incident: Stage,
) -> None:
    known, case = await report(incident), await report(incident)
    elsewhere = await report(incident, "11002")
    await incident.hear(Orders(known).claimed())
    url = f"/v1/cases/{case.case_no}/candidates"
    [candidate] = (await incident.http.get(url, params={"tenant": TENANT})).json()
    assert (candidate["case_no"], candidate["score"], candidate["state"]) == (known.case_no, 1.0, "in_progress")
    assert [why["en"] for why in candidate["because"]] == ["0 m away", "0 h apart", "100% of the text alike"]
    answer = await incident.http.get(f"/v1/track/{case.tracking_code}/known")
    [shown] = answer.json()
    assert shown["state_in_words"]["zh"] == "处置中"
    assert "路灯" not in answer.text
    assert shown["case_no"] == known.case_no
    assert (await incident.http.get(f"/v1/track/{elsewhere.tracking_code}/known")).json() == []
    await decide(incident, case, "merge", into=known.case_no)
    assert (await incident.http.get(url.replace(case.case_no, known.case_no), params={"tenant": TENANT})).json() == []


async def test_a_closed_case_is_settled_when_the_reporters_time_is_over(incident: Stage) -> None:
    over, open_yet = await report(incident), await report(incident)
    await incident.hear(Orders(over).checked(14 * 24 * 60 + 1), Orders(open_yet).checked(14 * 24 * 60 - 60))
    await incident.fire_timers()
    found = await view(incident, over)
    assert found["settled_at"] is not None
    assert [s["step"] for s in found["timeline"]].count("settled") == 1
    assert (await view(incident, open_yet))["settled_at"] is None
    assert (await track(incident, over.tracking_code))["feedback"]["open"] is False
    assert (await feedback(incident, over, False)).status_code == 409
    assert (await feedback(incident, open_yet, False)).json()["reopened"] is True


async def test_reasons_are_listed_in_both_languages(incident: Stage) -> None:
    listed = {r["reason"]: r for r in (await incident.http.get("/v1/reasons")).json()}
    assert listed["mistaken"] == {
        "reason": "mistaken",
        "zh": "误报",
        "en": "it was reported by mistake",
        "moves": ["void"],
    }
