"""What the people of the street do during a morning: accept, verify, claim, handle, check, and say how it was."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from math import ceil
from random import Random
from typing import Any
from uuid import UUID

import httpx

from deploy.local.linghe.street import Street
from deploy.local.morning.followed_report import FollowedReport, Overtaken, Surprise
from deploy.local.morning.organisations import Order, Organisations
from deploy.local.morning.planned_reports import Outcome
from deploy.local.morning.service_client import ServiceClient
from libs.chassis.clock import Clock
from libs.contracts.dispatch import InspectionAssigned, InspectionRaised, OrderOffered
from libs.contracts.values import Answer, Reach

# Of domain time: how long people take for each step.
CLAIM_MINUTES, WORK_MINUTES, CHECK_MINUTES, DESK_MINUTES, RATE_MINUTES = (1, 6), (3, 15), (1, 6), (1, 5), (1, 5)
BUSY_MINUTES = (10, 30)
PLANNED_WITHIN = timedelta(days=200)
ANSWERS: Mapping[Outcome, tuple[Answer, str]] = {
    "accepted": (Answer.ACCEPTED, "已采纳，下周起照办。"),
    "declined": (Answer.DECLINED, "场地不够，暂时不能添设。"),
}
PLANNED = (Answer.PLANNED, "已列入明年广场改造项目。")
"""What a proposal is answered, and why."""
BELL_SECONDS = 0.5  # of real time
CONTESTED = 0.15
"""Share of the offers that two or more claim at once."""


class People:
    """Everybody who serves in the street, and those who reported. Each step is one request to a service.

    `noon` is when what nobody has claimed is claimed after all. Of the offers a share is `contested`: two or more, and
    `rivals_at_most` of them, claim at once.
    """

    def __init__(
        self,
        street: Street,
        tenant: str,
        incident: ServiceClient,
        dispatch: ServiceClient,
        clock: Clock,
        noon: Callable[[], datetime],
        rivals_at_most: int = 2,
        contested: float = CONTESTED,
    ) -> None:
        self._incident, self._dispatch, self._clock, self._noon = incident, dispatch, clock, noon
        self._rng, self._rivals_at_most, self._contested = Random(1), rivals_at_most, contested
        self._desk = [m.member_id for m in street.members if m.unit == tenant]
        self._full_time = [m.member_id for m in street.members if m.kind == "full_time"]
        self._organisations = Organisations(street, tenant, incident, dispatch, clock)
        self.contested = 0

    async def accept(self, report: FollowedReport) -> None:
        """The desk accepts a report."""
        await self._pass(DESK_MINUTES)
        url = f"/v1/cases/{report.receipt.case_no}"
        answer = await self._incident.post(f"{url}/accept", {"by_member": self._rng.choice(self._desk)})
        if answer.status_code == 409:
            # An outage may have swallowed the answer to the same request.
            now = await self._incident.look(url)
            if now["state"] != "reported":
                return
        _expect(answer, "accept")

    async def verify(self, sent: InspectionAssigned | InspectionRaised) -> None:
        """Who was sent, or somebody of the street where there was nobody to send, has looked: the report is true."""
        await self._pass(DESK_MINUTES)
        member_id = sent.member_id if isinstance(sent, InspectionAssigned) else self._rng.choice(self._desk)
        url, found = f"/v1/inspections/{sent.inspection_id}", {"true_report": True, "note": "现场核实，情况属实。"}
        answer = await self._dispatch.post(f"{url}/answer", {"member_id": member_id, **found})
        if answer.status_code == 409 and (await self._dispatch.look(url))["state"] == "done":
            # Another was asked when this took too long, and was there first.
            return
        _expect(answer, "answer")

    async def take_up(self, report: FollowedReport, offered: OrderOffered) -> None:
        """An offer: somebody claims it and does what the plan says, or lets the time pass."""
        order_id = offered.order_id
        if offered.reach is not Reach.NEAREST and report.offers[order_id] <= 1:
            # Those who heard of it first are about to act, or let even the wider offer pass.
            return
        report.offers[order_id] += 1
        if order_id not in report.orders:
            report.orders.append(order_id)
        outcome: Outcome = report.plan.outcome if order_id == report.orders[0] else "handled"
        if outcome in ("nobody_claims", "lapses") and report.offers[order_id] == 1:
            # The clock runs out and the level above is asked; what is still open at noon is claimed after all.
            await self._until(self._noon())
        if not await self._organisations.on_offer(report, offered):
            return
        await self._pass(CLAIM_MINUTES)
        # After an escalation somebody may be asked again who has the order already, and would hand it in twice.
        async with report.turn:
            with suppress(Overtaken):
                await self._work(report, offered, outcome)

    async def _work(self, report: FollowedReport, offered: OrderOffered, outcome: Outcome) -> None:
        order = await self._claim(offered.order_id, offered.offered_to)
        if order is None or not await self._organisations.on_claim(report, order):
            return
        if outcome == "everybody_returns" and order["level"] != "street":
            await self._do(order, "give_back", {"reason": "不熟悉此类业务。"}, "offered")
            return
        await self._pass(WORK_MINUTES)
        if outcome == "returned_first" and not report.gave_back:
            report.gave_back = True
            await self._do(order, "give_back", {"reason": "需要专业设备，本人无法处置。"}, "offered")
            return
        await self._handle(order, outcome)
        if outcome == "check_fails_first":
            await self._check(order, passed=False)
            await self._handle(order, outcome)
        if outcome == "helped_late":
            await self._organisations.help_at_last(report, order)
        await self._check(order, passed=True)

    async def rate(self, report: FollowedReport) -> None:
        """The reporter says how it was, of the first closing as planned, of a later one that it is well now."""
        report.closings += 1
        satisfied = report.plan.satisfied if report.closings == 1 else True
        if report.plan.outcome == "dissatisfied_twice":
            satisfied = report.closings > 2
        if satisfied is not None:
            await self._pass(RATE_MINUTES)
            words = "处理得很好。" if satisfied else "没有修好，又坏了。"
            url = f"/v1/track/{report.receipt.tracking_code}"
            seen = (await self._incident.look(url))["feedback"]["closing"]
            said = {"satisfied": satisfied, "words": words, "closing": seen}
            answer = await self._incident.post(f"{url}/feedback", said)
            _expect(answer, "feedback")
        if report.plan.outcome == "proposed":
            await self._organisations.carry_out(report)
        if satisfied is not False:
            report.finished.set()

    async def _claim(self, order_id: UUID, offered_to: tuple[str, ...]) -> Order | None:
        """The claimed order; None when it is offered to others by now."""
        while True:
            rivals = list(offered_to)
            self._rng.shuffle(rivals)
            at_once = self._rng.randint(2, self._rivals_at_most) if self._rng.random() < self._contested else 1
            while rivals:
                asking, rivals = rivals[:at_once], rivals[at_once:]
                # Where so few were asked, others join whom nobody has.
                others = self._rng.sample(self._full_time, max(0, at_once - len(offered_to)))
                asking += [m for m in others if m not in offered_to]
                answers = await asyncio.gather(*(self._ask(order_id, "claim", m) for m in asking))
                winners: list[Order] = [answer.json() for answer in answers if answer.status_code == 200]
                self.contested += len(asking) - 1
                if len(winners) > 1:
                    raise Surprise(f"{len(winners)} members have claimed the order {order_id}")
                if winners:
                    return winners[0]
            order = await self._dispatch.look(f"/v1/orders/{order_id}")
            if order["state"] != "offered":
                return None
            if not set(order["offered_to"]) >= set(offered_to):
                if order["reach"] == Reach.NEAREST:
                    return None
                # Somebody is absent since, and nobody but those who were asked before acts on a wider offer.
                offered_to = tuple(order["offered_to"])
                continue
            # Everybody has as many open orders as they may have: somebody will hand one in.
            await self._pass(BUSY_MINUTES)

    async def _handle(self, order: Order, outcome: Outcome) -> None:
        photos = ["photo-after"] if order["evidence"] == "photo" else []
        done = {"note": "已到现场处置完毕。", "photos": photos, "documents_returned": order["documents"]}
        if order["request_kind"] == "proposal":
            answer, result = ANSWERS.get(outcome, PLANNED)
            by = (self._clock.now() + PLANNED_WITHIN).date().isoformat()
            done |= {"answer": answer, "planned_for": by if answer is Answer.PLANNED else None, "result": result}
        await self._do(order, "hand_in", done, "handled")
        await self._pass(CHECK_MINUTES)

    async def _check(self, order: Order, *, passed: bool) -> None:
        """By who was sent, or by somebody of the street where there was nobody to send."""
        *_, asked = await self._dispatch.look(f"/v1/orders/{order['order_id']}/inspections")
        checker = asked["member_id"] or next(m for m in self._rng.sample(self._desk, 2) if m != order["member_id"])
        found = {"passed": passed, "note": "" if passed else "现场仍未修好。"}
        await self._do(order, "check", found, "checked" if passed else "handling", by=checker)
        if not passed:
            await self._pass(WORK_MINUTES)

    async def _do(
        self,
        order: Order,
        verb: str,
        body: Mapping[str, Any],
        leads_to: str,
        by: str | None = None,
    ) -> None:
        answer = await self._ask(order["order_id"], verb, by or order["member_id"], body)
        if answer.status_code == 409:
            # An outage may have swallowed the answer to the same request.
            now = await self._dispatch.look(f"/v1/orders/{order['order_id']}")
            if now["state"] == leads_to:
                return
            if now["member_id"] != order["member_id"]:
                raise Overtaken
        _expect(answer, verb)

    async def _ask(
        self, order_id: object, verb: str, member_id: str, body: Mapping[str, Any] | None = None
    ) -> httpx.Response:
        wish = {"member_id": member_id, **(body or {})}
        return await self._dispatch.post(f"/v1/orders/{order_id}/{verb}", wish)

    async def _pass(self, minutes: tuple[float, float]) -> None:
        """Domain time passes."""
        await at_bell(self._rng.uniform(*minutes) * 60 / self._clock.speed)

    async def _until(self, time: datetime) -> None:
        await asyncio.sleep((time - self._clock.now()).total_seconds() / self._clock.speed)


async def at_bell(seconds: float) -> None:
    """Sleeps so long and on to the next half second, so that a fast morning comes in groups as a real rush does."""
    loop = asyncio.get_running_loop()
    target = ceil((loop.time() + seconds) / BELL_SECONDS) * BELL_SECONDS
    await asyncio.sleep(target - loop.time())


def _expect(answer: httpx.Response, verb: str) -> None:
    if answer.is_error:
        raise Surprise(f"{verb} was refused with {answer.status_code}: {answer.json().get('detail')}")
