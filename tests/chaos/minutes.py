"""Meetings of residents: minutes with several matters, each of which is a report that goes its way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

from deploy.local.morning import planned_reports
from deploy.local.morning.followed_report import Surprise
from deploy.local.morning.planned_reports import Outcome
from deploy.local.morning.scenarios import SQUARE, WRITTEN
from deploy.local.morning.service_client import ServiceClient
from deploy.local.morning.simulation import Simulation
from libs.contracts.incident import Receipt
from tests.chaos.deeds import PROPOSALS, with_deed
from tests.chaos.ground import Ground

EVERY_SECONDS = 12.0
HELD_BEFORE = timedelta(days=1)
"""By a clock that is wrong, too, the meeting is over when its minutes are recorded."""
PLACE = {"name": "村委会"}


async def hold_meetings(
    world: Ground, incident: ServiceClient, simulation: Simulation, seed: int, until: asyncio.Event
) -> None:
    """One after the other; each hears what became of the matters of the one before."""
    before: Sequence[str] = ()
    for number in count():
        before = await record(world, incident, simulation, f"minutes-{seed}-{number}", before)
        with suppress(TimeoutError):
            async with asyncio.timeout(EVERY_SECONDS):
                await until.wait()
        if until.is_set():
            return


async def record(
    world: Ground,
    incident: ServiceClient,
    simulation: Simulation,
    key: str,
    standing: Sequence[str] = (),
    deeds: Sequence[Outcome] = PROPOSALS,
) -> list[str]:
    """The numbers of the cases that the matters have become; `deeds` is what becomes of each. Sent twice at once."""
    body: dict[str, Any] = {
        "kind": "council",
        "unit": world.tenant,
        "held_at": (world.clock.now() - HELD_BEFORE).isoformat(),
        "place": PLACE,
        "by_member": next(member.member_id for member in world.street.members if member.unit == world.tenant),
        "matters": [_matter(world, n) for n in range(len(deeds))],
        "standing": [{"case_no": case_no, "words": "正在办理。"} for case_no in standing],
    }
    answers = await asyncio.gather(*(incident.post("/v1/meetings", body, {"Idempotency-Key": key}) for _ in range(2)))
    if {answer.status_code for answer in answers} != {201} or answers[0].json() != answers[1].json():
        raise Surprise(f"the minutes {key} were answered {[answer.text[:300] for answer in answers]}")
    receipts = [Receipt.model_validate(each) for each in answers[0].json()["matters"]]
    [plan] = planned_reports.plan_morning(world.street, 1)
    for number, (receipt, deed) in enumerate(zip(receipts, deeds, strict=False)):
        raised = replace(plan, idempotency_key=f"{key}-{number}", met_before=HELD_BEFORE)
        simulation.adopt(with_deed(raised, deed), receipt)
    return [receipt.case_no for receipt in receipts]


def _matter(world: Ground, number: int) -> dict[str, Any]:
    contact: dict[str, Any] = {"email": f"r{number:04d}@residents.example", "language": "zh"}
    if world.webhook_url is not None:
        contact["webhook_url"] = world.webhook_url
    return {"category": SQUARE, "text": f"{number + 1}、{WRITTEN[SQUARE]}", "contact": contact}
