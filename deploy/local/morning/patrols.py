"""The patrol of a morning: a campaign begins, members visit unit by unit, and what they find becomes cases."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from shapely.geometry import Polygon

from deploy.local.linghe.street import Street
from deploy.local.morning.followed_report import Surprise
from deploy.local.morning.people import at_bell
from deploy.local.morning.planned_reports import PlannedReport
from deploy.local.morning.service_client import ServiceClient, until_answered
from deploy.local.morning.simulation import Simulation
from libs.chassis.clock import Clock
from libs.contracts.dispatch import PatrolPlanned
from libs.contracts.incident import Receipt
from libs.street_time import local_day

# Of domain time.
BEGINS_AFTER, LASTS = timedelta(minutes=15), timedelta(minutes=150)
MISSED, LATE, AGAIN, ELSEWHERE, FINDINGS = 40, 12, 60, 15, 8
"""Units of the round that nobody visits, that are visited too late, whose visit is sent twice, that are visited from
far away, and in which something is found."""
FOUND = (("12004", "楼道口堆放杂物，堵塞消防通道。"), ("12007", "居民楼下私拉电线给电动车充电。"))
AT_ONCE = 100
PAGE = 500
SENDER = "dispatch-patrol"


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    at: datetime
    body: dict[str, Any]


class Patrols:
    """`planned` is the round's fact when it was heard, `visited` the answers by key."""

    def __init__(self, street: Street, dispatch: ServiceClient, clock: Clock, simulation: Simulation) -> None:
        self._dispatch, self._clock, self._simulation = dispatch, clock, simulation
        self._rings = {unit.code: unit.ring for unit in street.units if unit.ring}
        self._rng = Random(832)
        self._begun: asyncio.Future[PatrolPlanned] = asyncio.get_running_loop().create_future()
        self._following: list[asyncio.Task[None]] = []
        self.visited: dict[str, dict[str, Any]] = {}

    async def begin(self) -> None:
        plan = {
            "name_zh": "冬季消防巡查",
            "name_en": "Winter fire patrol",
            "areas": [self._dispatch.tenant],
            "recurrence": "FREQ=DAILY",
            "begins_at": (self._clock.now() + BEGINS_AFTER).isoformat(),
            "window_minutes": int(LASTS.total_seconds() // 60),
            "kinds": ["party_member", "volunteer"],
            "checklist": [{"name": "消防通道畅通"}, {"name": "备注", "kind": "text", "required": False}],
            "category": FOUND[0][0],
        }
        answer = await self._dispatch.post("/v1/campaigns", plan)
        if answer.status_code != 201:
            raise Surprise(f"the campaign was refused: {answer.text}")

    def hear(self, fact: PatrolPlanned) -> None:
        if not self._begun.done():
            self._begun.set_result(fact)

    async def walk(self) -> None:
        """Every visit at its time, until the round is over and each finding has its case."""
        planned = await self._begun
        visits = list(self._visits(planned, await self._tasks(planned.round_id)))
        visits.sort(key=lambda visit: visit.at)
        while visits:
            await at_bell(self._real_seconds_until(visits[0].at))
            now = self._clock.now()
            due = [visit.body for visit in visits if visit.at <= now]
            visits = visits[len(due) :]
            for n in range(0, len(due), AT_ONCE):
                await self._send(due[n : n + AT_ONCE])
        await asyncio.gather(*self._following)
        await until_answered(lambda: self._over(planned), "the end of the round", self._dispatch.patience_seconds)

    def _real_seconds_until(self, at: datetime) -> float:
        return (at - self._clock.now()).total_seconds() / self._clock.speed

    async def _tasks(self, round_id: UUID) -> list[dict[str, Any]]:
        tasks: list[dict[str, Any]] = []
        while True:
            after = tasks[-1]["unit"] if tasks else ""
            page = await self._dispatch.look(f"/v1/patrols/rounds/{round_id}/tasks", limit=str(PAGE), after=after)
            tasks += page
            if len(page) < PAGE:
                return tasks

    def _visits(self, planned: PatrolPlanned, tasks: Sequence[dict[str, Any]]) -> Iterator[PlannedVisit]:
        order = self._rng.sample(range(len(tasks)), len(tasks))
        late, again, elsewhere, finding = (
            frozenset(order[end - size : end])
            for size, end in (
                (LATE, MISSED + LATE),
                (AGAIN, MISSED + LATE + AGAIN),
                (ELSEWHERE, MISSED + LATE + AGAIN + ELSEWHERE),
                (FINDINGS, MISSED + LATE + AGAIN + ELSEWHERE + FINDINGS),
            )
        )
        for number in order[MISSED:]:
            task, share = tasks[number], self._rng.random()
            # Not to the last minutes: what is sent then is told when the round is over.
            at = planned.planned_at + LASTS * (1.05 if number in late else 0.02 + 0.9 * share)
            there = task["unit"] if number not in elsewhere else tasks[(number + len(tasks) // 2) % len(tasks)]["unit"]
            visit = PlannedVisit(at, self._body(planned, task, at, there, number in finding))
            yield visit
            if number in again:
                yield visit

    def _body(
        self, planned: PatrolPlanned, task: dict[str, Any], at: datetime, there: str, finds: bool
    ) -> dict[str, Any]:
        point = Polygon(self._rings[there]).representative_point()
        category, words = self._rng.choice(FOUND)
        return {
            "key": f"visit-{task['unit']}",
            "round_id": str(planned.round_id),
            "unit": task["unit"],
            "member_id": task["member_id"],
            "visited_at": at.astimezone(UTC).isoformat(),
            "point": {"longitude": point.x, "latitude": point.y},
            "answers": [{"item": "消防通道畅通", "value": not finds}],
            "findings": [{"category": category, "description": words}] if finds else [],
        }

    async def _send(self, bodies: Sequence[dict[str, Any]]) -> None:
        answer = await self._dispatch.post("/v1/patrols/visits/batch", {"visits": bodies})
        for body, told in zip(bodies, answer.json(), strict=True):
            if told["status"] != 201:
                raise Surprise(f"the visit {told['key']} was refused: {told['problem']}")
            if self.visited.setdefault(told["key"], told["receipt"]) != told["receipt"]:
                raise Surprise(f"the visit {told['key']} had two different answers")
            if body["findings"]:
                self._following.append(asyncio.create_task(self._follow(told["receipt"]["visit_id"])))

    async def _follow(self, visit_id: str) -> None:
        """Each finding, when it is a case, goes the way of all cases."""

        async def reported() -> list[dict[str, Any]] | None:
            visit = await self._dispatch.look(f"/v1/patrols/visits/{visit_id}")
            return visit["findings"] if all(f["state"] == "reported" for f in visit["findings"]) else None

        patience = self._dispatch.patience_seconds
        for finding in await until_answered(reported, "the case of a finding", patience):
            receipt = Receipt(case_id=finding["case_id"], case_no=finding["case_no"], tracking_code="")
            self._simulation.adopt(_as_planned(finding), receipt)

    async def _over(self, planned: PatrolPlanned) -> bool | None:
        day = local_day(planned.planned_at)
        rows = await self._dispatch.look("/v1/patrols/coverage", level="street", first=day.isoformat())
        return True if rows and not any(row["open"] for row in rows) else None


def _as_planned(finding: dict[str, Any]) -> PlannedReport:
    """A finding as a report that dispatch has sent, of whose end nobody is asked."""
    return PlannedReport(
        sender=SENDER,
        idempotency_key=finding["finding_id"],
        via="nats",
        retries=0,
        request_kind="patrol",
        category=finding["category"],
        text=finding["description"],
        point=None,
        place_name=None,
        lies="inside",
        expected_unit=None,
        contact_email=None,
        contact_webhook=None,
        reported_by_member=None,
        at_fraction=0.0,
        outcome="handled",
        satisfied=None,
    )
