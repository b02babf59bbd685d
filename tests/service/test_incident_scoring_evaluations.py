"""The street evaluates how a closed case was handled: from the request to the counts of the organisation."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from libs.chassis.db.ids import new_id
from libs.contracts import cloudevents
from libs.contracts.dispatch import UnitChanged
from libs.contracts.incident import CaseStreetEvaluated, Grade, Receipt
from libs.contracts.values import Level, OrgKind
from tests.support.incident import Orders, decide, feedback, report, view
from tests.support.scoring import TENANT, member
from tests.support.stage import NOON, Stage, stamped


async def closed(incident: Stage) -> tuple[Receipt, Orders]:
    case = await report(incident)
    order = Orders(case)
    await incident.hear(order.dispatched(), order.claimed(), order.handled(), order.checked())
    return case, order


async def test_a_closed_case_is_evaluated_once_for_each_closing(incident: Stage) -> None:
    case, order = await closed(incident)
    said = {"grade": "good", "words": "办得快"}
    answers = await asyncio.gather(*(decide(incident, case, "street-evaluation", **said) for _ in range(3)))
    assert [a.status_code for a in answers] == [200] * 3
    other = await decide(incident, case, "street-evaluation", grade="poor")
    assert (other.status_code, other.json()["title"]) == (409, "Already evaluated")
    await incident.settled()
    [fact] = await incident.said(CaseStreetEvaluated)
    assert (fact.grade, fact.order_id, fact.org_id) == (Grade.GOOD, order.order_id, "P4")
    assert "办得快" not in fact.model_dump_json()
    shown = await view(incident, case)
    assert shown["street_evaluation"] == {**said, "by_member": fact.by_member}
    assert [s["step"] for s in shown["timeline"]][-1] == "street_evaluated"
    tracked = (await incident.http.get(f"/v1/track/{case.tracking_code}")).text
    assert "办得快" not in tracked

    await feedback(incident, case, False)
    assert (await decide(incident, case, "street-evaluation", grade="poor")).json()["title"] == "Not closed"
    again = Orders(case)
    await incident.hear(again.handled(-5), again.checked(-6))
    assert (await view(incident, case))["street_evaluation"] is None
    assert (await decide(incident, case, "street-evaluation", grade="poor")).status_code == 200
    assert [f.order_id for f in await incident.said(CaseStreetEvaluated)] == [order.order_id, again.order_id]


async def test_what_cannot_be_evaluated_is_refused(incident: Stage) -> None:
    case = await report(incident)
    assert (await decide(incident, case, "street-evaluation", grade="good")).status_code == 409
    assert (await decide(incident, case, "street-evaluation", grade="perfect")).status_code == 422
    missing = case.model_copy(update={"case_no": "20261123-999999"})
    assert (await decide(incident, missing, "street-evaluation", grade="good")).status_code == 404


def evaluation(
    grade: Grade, by_member: str, *, org_id: str = "P1", hours: int = 0, order_id: UUID | None = None
) -> CaseStreetEvaluated:
    return stamped(
        CaseStreetEvaluated(
            tenant=TENANT,
            occurred_at=NOON + timedelta(hours=hours),
            case_id=new_id(),
            case_no="20261123-000001",
            order_id=order_id or new_id(),
            org_id=org_id,
            grade=grade,
            by_member=by_member,
        )
    )


STREET_COMMITTEE = UnitChanged(
    tenant=TENANT,
    occurred_at=NOON,
    code=TENANT,
    level=Level.STREET,
    parent=None,
    name="凌河街道",
    org_id="P0",
    org_name="街道党工委",
    org_kind=OrgKind.STREET_COMMITTEE,
)


async def counts(scoring: Stage, org_id: str = "P1", **period: str) -> tuple[dict[str, int], int]:
    answer = await scoring.http.get(f"/v1/orgs/{org_id}/evaluations", params={"tenant": TENANT, **period})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return {grade: n for grade, n in found["counted"].items() if n}, found["not_counted"]


async def test_only_the_street_committee_counts_whatever_is_heard_first(scoring: Stage) -> None:
    said = [evaluation(Grade.GOOD, "L1"), evaluation(Grade.POOR, "M9"), evaluation(Grade.FAIR, "nobody")]
    await scoring.hear(*said, *said)
    assert await counts(scoring) == ({}, 3)
    await scoring.hear(STREET_COMMITTEE, member("L1", "P0"))
    assert await counts(scoring) == ({"good": 1}, 2)
    await scoring.hear(evaluation(Grade.EXCELLENT, "L1"), evaluation(Grade.EXCELLENT, "L1", org_id="P2"))
    assert await counts(scoring) == ({"good": 1, "excellent": 1}, 2)
    assert await counts(scoring, "P2") == ({"excellent": 1}, 0)
    # Who leaves the committee was of it when they evaluated, and is not any more.
    await scoring.hear(member("L1", "P1", at=NOON + timedelta(days=1)))
    await scoring.hear(evaluation(Grade.POOR, "L1"))
    assert await counts(scoring) == ({"excellent": 1}, 4)


async def test_evaluations_are_counted_by_period_and_one_for_each_order(scoring: Stage) -> None:
    first = evaluation(Grade.GOOD, "L1")
    copy = evaluation(Grade.POOR, "L1", hours=1, order_id=first.order_id)
    later = evaluation(Grade.FAIR, "L1", hours=48)
    await scoring.hear(STREET_COMMITTEE, member("L1", "P0"), first, copy, later)
    assert await counts(scoring) == ({"good": 1, "fair": 1}, 0)
    next_day = (NOON + timedelta(days=1)).isoformat()
    assert await counts(scoring, until=next_day) == ({"good": 1}, 0)
    assert await counts(scoring, since=next_day) == ({"fair": 1}, 0)
    assert await counts(scoring, since="2026-01-01T00:00:00Z", until="2026-02-01T00:00:00Z") == ({}, 0)


async def test_a_failure_midway_keeps_nothing_and_a_field_of_the_future_is_ignored(scoring: Stage) -> None:
    await scoring.hear(STREET_COMMITTEE, member("L1", "P0"))
    async with scoring.database() as db:
        await db.execute(text("ALTER TABLE street_evaluations ADD CONSTRAINT broken CHECK (false)"))
    await scoring.hear(evaluation(Grade.GOOD, "L1"))
    assert await counts(scoring) == ({}, 0)
    async with scoring.database() as db:
        await db.execute(text("ALTER TABLE street_evaluations DROP CONSTRAINT broken"))
    await scoring.retry_now()
    assert await counts(scoring) == ({"good": 1}, 0)
    envelope = cloudevents.encode(evaluation(Grade.FAIR, "L1"))
    newer = envelope.body.replace(b"{", b'{"of_the_future": [1], ', 1)
    js = (await scoring.service.broker.connect()).jetstream()
    await js.publish(envelope.subject, newer, headers=envelope.headers)
    await scoring.hear(member("M2", "P1"))
    assert await counts(scoring) == ({"good": 1, "fair": 1}, 0)
