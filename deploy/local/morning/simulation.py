"""Runs a morning: sends the planned reports, hears the facts about their cases, and lets the people act on them."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from math import inf
from typing import Any
from uuid import UUID

from deploy.local.linghe.street import RESPONSIBILITY
from deploy.local.morning.fact_listener import FactListener
from deploy.local.morning.followed_report import FollowedReport, Surprise
from deploy.local.morning.people import People, at_bell
from deploy.local.morning.planned_reports import PlannedReport
from deploy.local.morning.progress import Tally
from deploy.local.morning.senders import Senders, Sent
from libs.contracts.dispatch import (
    InspectionAssigned,
    InspectionKind,
    InspectionRaised,
    OrderClaimed,
    OrderDispatched,
    OrderHandled,
    OrderOffered,
    PatrolVisited,
)
from libs.contracts.incident import CaseClosed, CaseEvaluated, CaseRegistered, Receipt
from libs.contracts.message import CaseEvent, Message
from libs.contracts.notify import NotificationDelivered
from libs.contracts.scoring import PointsPosted, PointsReversed

STAGE_OF: dict[type[CaseEvent], str] = {
    CaseRegistered: "registered",
    OrderDispatched: "dispatched",
    OrderClaimed: "claimed",
    OrderHandled: "handled",
    CaseClosed: "closed",
}
ACTED_ON = (OrderOffered, InspectionAssigned, InspectionRaised, CaseClosed)
TICK_SECONDS = 0.1
# On a slow machine everything takes longer; else the clocks of orders would run out before anybody can act.
UNDER_WAY_AT_MOST = 150


class Simulation:
    """`sent` are the reports that were answered; `surprises` are sentences about what must never happen and did."""

    def __init__(
        self, senders: Senders, people: People, tally: Tally, *, under_way_at_most: float = UNDER_WAY_AT_MOST
    ) -> None:
        self._senders, self._people, self._tally = senders, people, tally
        self._under_way_at_most = under_way_at_most
        self._reports: dict[UUID, FollowedReport] = {}
        self._by_key: dict[str, FollowedReport] = {}
        self._early: dict[UUID, list[Message]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._beside: list[asyncio.Task[None]] = []
        self._over = False
        self._planned = self._begun = 0
        self._last_heard = asyncio.get_running_loop().time()
        self.sent: list[Sent] = []
        self.surprises: list[str] = []
        with RESPONSIBILITY.open(encoding="utf-8", newline="") as file:
            self._registration = {row["category"]: row["registration"] for row in csv.DictReader(file)}

    def begin(self, plan: PlannedReport, at: float) -> None:
        """Sends the report when the loop's time is `at`, or later while too many are under way."""
        self._planned += 1
        self._do(self._report(plan, at))

    def adopt(self, plan: PlannedReport, receipt: Receipt) -> None:
        """From here on follows a report that somebody else has sent."""
        self._planned += 1
        self._begun += 1
        self._tell(FollowedReport(plan, receipt))

    def accompany(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs something at the same time as the reports; `finish` waits for it, too."""
        self._beside.append(self._do(work))

    async def finish(
        self, patience_seconds: float, tick: Callable[[], None] = lambda: None, at_most_seconds: float = inf
    ) -> None:
        """Until nobody has anything to do about any report, or nothing was heard for so long, or the time is over."""
        over = asyncio.get_running_loop().time() + at_most_seconds
        while self._goes_on() and self._idle_seconds() < patience_seconds:
            if asyncio.get_running_loop().time() > over:
                break
            tick()
            await asyncio.sleep(TICK_SECONDS)
        tick()
        for report in self._reports.values():
            if not report.finished.is_set():
                self.surprises.append(f"case {report.receipt.case_no} did not come to its end ({report.plan.outcome})")
        self._over = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def listen(self, facts: FactListener) -> None:
        async for fact in facts.heard():
            self.hear(fact)

    def hear(self, fact: Message) -> None:
        self._last_heard = asyncio.get_running_loop().time()
        self._count(fact)
        if isinstance(fact, ACTED_ON) and not self._over:
            if fact.case_id in self._reports:
                self._act(self._reports[fact.case_id], fact)
            else:
                # The answer to the report is still on its way.
                self._early.setdefault(fact.case_id, []).append(fact)

    def _goes_on(self) -> bool:
        return self._ended() < self._planned or not all(task.done() for task in self._beside)

    def _ended(self) -> int:
        return len(self._tally.cases["finished"]) + len(self.surprises)

    def _idle_seconds(self) -> float:
        return asyncio.get_running_loop().time() - self._last_heard

    async def _report(self, plan: PlannedReport, at: float) -> None:
        await at_bell(at - asyncio.get_running_loop().time())
        while self._begun - self._ended() >= self._under_way_at_most:
            await at_bell(0)
        while plan.same_as is not None and plan.same_as not in self._by_key:
            await at_bell(0)
        self._begun += 1
        sent = await self._senders.send(plan)
        self.sent.append(sent)
        if len({*sent.receipts}) != 1:
            raise Surprise(f"the report {plan.idempotency_key} had {len({*sent.receipts})} different answers")
        receipt = sent.receipts[0]
        report = self._tell(FollowedReport(plan, receipt, self._by_key[plan.same_as] if plan.same_as else None))
        if self._registration[plan.category] == "acceptor":
            await self._people.accept(report)

    def _tell(self, report: FollowedReport) -> FollowedReport:
        case_id = report.receipt.case_id
        self._reports[case_id] = self._by_key[report.plan.idempotency_key] = report
        self._tally.cases["sent"].add(case_id)
        for fact in self._early.pop(case_id, ()):
            self._act(report, fact)
        return report

    def _act(self, report: FollowedReport, fact: Message) -> None:
        match fact:
            case OrderOffered():
                self._do(self._until_finished(report, partial(self._people.take_up, report, fact)))
            case InspectionAssigned(kind=InspectionKind.VERIFY) | InspectionRaised(kind=InspectionKind.VERIFY):
                self._do(self._people.verify(fact))
            case CaseClosed():
                self._do(self._until_finished(report, partial(self._people.rate, report)))

    async def _until_finished(self, report: FollowedReport, work: Callable[[], Awaitable[None]]) -> None:
        await work()
        if report.finished.is_set():
            self._tally.cases["finished"].add(report.receipt.case_id)

    def _do(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._note_surprise)
        return task

    def _note_surprise(self, task: asyncio.Task[None]) -> None:
        """Whatever went wrong, be it in the demonstration itself."""
        self._tasks.discard(task)
        if not task.cancelled() and (why := task.exception()) is not None:
            self.surprises.append(f"{type(why).__name__}: {why}")

    def _count(self, fact: Message) -> None:
        if isinstance(fact, CaseEvent) and type(fact) in STAGE_OF:
            self._tally.cases[STAGE_OF[type(fact)]].add(fact.case_id)
        match fact:
            case CaseEvaluated():
                self._tally.rated += 1
            case PatrolVisited(first=True):
                self._tally.visited += 1
            case PointsPosted():
                self._tally.points += fact.points
            case PointsReversed():
                self._tally.points -= abs(fact.points)
            case NotificationDelivered():
                self._tally.notifications[fact.channel] += 1
