"""What organisations, the desk and residents do in a morning beside the work itself: void, merge, correct, ask, raise,
send down, pass on, approve, refuse, supervise, follow, take back, meet."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from random import Random
from typing import Any

import httpx

from deploy.local.linghe.street import Street
from deploy.local.morning.followed_report import FollowedReport, Overtaken, Surprise
from deploy.local.morning.planned_reports import PlaceChoice
from deploy.local.morning.service_client import ServiceClient, until_answered
from libs.chassis.clock import Clock
from libs.contracts.dispatch import OrderOffered

Order = Mapping[str, Any]
"""As dispatch shows it."""

ABSENT, SUSPENDED_DAYS = timedelta(hours=3), 30
STANDS_STILL_MINUTES = 20
"""Of domain time: how long a suspended order waits until its handler goes on."""
HELPED = "吸污车已到场，管道已疏通。"

ON_OFFER = (
    "voided",
    "merged",
    "unmerged",
    "survives",
    "takes_wrongly",
    "sent_down",
    "passed_on",
    "absent",
    "corrected",
    "questioned",
    "withdrawn",
    "followed",
)
ON_CLAIM = ("raised", "extended", "refused", "suspended", "supervised", "helped", "helped_late")
"""Outcomes in which an organisation acts when the order is offered, and when it is claimed."""


TOO_LATE = ("in_progress", "resolved", "closed")
OVER = ("closed", "void", "rejected", "merged")
LEADS_TO = {"void": "void", "merge": "merged", "unmerge": "registered"}
"""Where a case is when the answer to a decision was lost."""
MOVED = ("raise", "send_down", "pass_on")


class Organisations:
    """Acts where a scenario of `scenarios.py` says so, once for each report. Each step is a request to a service."""

    def __init__(
        self, street: Street, tenant: str, incident: ServiceClient, dispatch: ServiceClient, clock: Clock
    ) -> None:
        self._tenant, self._incident, self._dispatch, self._clock = tenant, incident, dispatch, clock
        self._rng = Random(2)
        self._members: dict[str, list[str]] = defaultdict(list)
        self._posted: dict[str, list[str]] = defaultdict(list)
        for member in street.members:
            self._members[member.org_id].append(member.member_id)
            self._posted[member.unit].append(member.member_id)
        self._desk = [member.member_id for member in street.members if member.unit == tenant]
        self._places = PlaceChoice(street)
        self._below: dict[str, list[str]] = defaultdict(list)
        for unit in street.units:
            self._below[unit.parent or ""].append(unit.code)

    async def on_offer(self, report: FollowedReport, offered: OrderOffered) -> bool:
        """Whether those to whom it is offered go on with it."""
        try:
            return await self._on_offer(report, offered)
        except Overtaken:
            return True

    async def on_claim(self, report: FollowedReport, order: Order) -> bool:
        """Whether the member who has claimed the order goes on with it."""
        try:
            return await self._on_claim(report, order)
        except Overtaken:
            return True

    async def _on_offer(self, report: FollowedReport, offered: OrderOffered) -> bool:
        outcome = report.plan.outcome
        if outcome == "appealed" and offered.order_id != report.orders[0] and not report.played:
            report.played = True
            first = await self._dispatch.look(f"/v1/orders/{report.orders[0]}")
            await self._asked(first, "appeal", "unfair", "复核认为首次处置已经到位。")
        if report.played or outcome not in ON_OFFER:
            return True
        report.played = True
        match outcome:
            case "survives" | "takes_wrongly":
                await report.joined.wait()
                return True
            case "voided":
                await self._decide(report, "void", {"reason": "mistaken", "note": "经核对为误报。"})
                report.finished.set()
            case "corrected":
                await self._correct(report, offered)
            case "questioned":
                await self._question(report)
                return True
            case "withdrawn":
                return not await self._take_back(report)
            case "followed":
                await self._follow(report)
                return True
            case "merged" | "unmerged":
                await self._merge(report, taken_out=outcome == "unmerged")
            case "sent_down":
                order = await self._dispatch.look(f"/v1/orders/{offered.order_id}")
                if not (below := self._below[order["unit"]]):
                    return True
                unit = self._rng.choice(below)
                wish = {"unit": unit, "reason": "由所在微网格就近处置。"}
                await self._ask(order, "send_down", {"member_id": self._somebody(order["org_id"]), **wish})
            case "passed_on":
                order = await self._dispatch.look(f"/v1/orders/{offered.order_id}")
                if not (others := [unit for unit in order["other_units"] if unit != order["unit"]]):
                    return True
                wish = {"unit": self._rng.choice(others), "reason": "坐标偏了，实际在邻近网格。"}
                await self._ask(order, "pass_on", {"member_id": self._somebody(order["org_id"]), **wish})
            case "absent":
                now = self._clock.now()
                until = {"from_at": now.isoformat(), "until_at": (now + ABSENT).isoformat(), "reason": "training"}
                away = {"member_id": offered.offered_to[0], **until}
                _expect(await self._dispatch.post("/v1/absences", away), "an absence", 201)
        return False

    async def _on_claim(self, report: FollowedReport, order: Order) -> bool:
        if report.played or report.plan.outcome not in ON_CLAIM:
            return True
        report.played = True
        match report.plan.outcome:
            case "raised":
                wish = {"reason": "beyond_means"}
                await self._ask(order, "raise", {"member_id": self._somebody(order["org_id"]), **wish})
                return False
            case "extended":
                await self._asked(order, "extension", "materials", "管材需定制，明日到货。", amount=1)
            case "refused":
                await self._asked(
                    order, "extension", "materials", "管材需定制，明日到货。", amount=1, refused="材料已到。"
                )
            case "suspended":
                await self._asked(order, "suspension", "season", "路面需开春后修补。", amount=SUSPENDED_DAYS)
                await asyncio.sleep(STANDS_STILL_MINUTES * 60 / self._clock.speed)
                await self._ask(order, "resume", {"member_id": order["member_id"]})
            case "supervised":
                wish = {"member_id": self._rng.choice(self._desk), "note": "请今天内处置并反馈。"}
                await self._ask(order, "supervise", wish)
            case "helped" | "helped_late":
                await self._have_helped(report, order)
        return True

    async def _have_helped(self, report: FollowedReport, order: Order) -> None:
        """Another community helps: one of its members has the task, and is done before the order is handed in, or, as
        `helped_late`, after it; then a third was asked as well, and is not needed."""
        others = [code for code in self._below[self._tenant] if code != order["unit"] and self._posted[code]]
        community = self._rng.choice(others)
        wish = {"member_id": self._somebody(order["org_id"]), "unit": community, "task": "出动吸污车，配合疏通。"}
        asked = (await self._ask(order, "helpers", wish)).json()["helpers"][-1]
        helper = next(m for m in self._posted[community] if m != order["member_id"])
        url = f"helpers/{asked['help_id']}"
        await self._ask(order, f"{url}/assign", {"member_id": helper, "to_member": helper})
        if report.plan.outcome == "helped":
            await self._ask(order, f"{url}/finish", {"member_id": helper, "note": HELPED})
            return
        report.help = (f"{url}/finish", helper)
        another = {**wish, "unit": next(code for code in others if code != community), "task": "围挡现场，疏导交通。"}
        spare = (await self._ask(order, "helpers", another)).json()["helpers"][-1]
        why = {"member_id": another["member_id"], "reason": "现场车少，无需疏导。"}
        await self._ask(order, f"helpers/{spare['help_id']}/call_off", why)

    async def help_at_last(self, report: FollowedReport, order: Order) -> None:
        """The order was handed in; it cannot be checked before who helps with it is done."""
        if report.help is None:
            return
        url, helper = report.help
        checker = next(m for m in self._desk if m not in (order["member_id"], helper))
        early = {"member_id": checker, "passed": True, "note": ""}
        _expect(await self._dispatch.post(f"/v1/orders/{order['order_id']}/check", early), "a check too early", 409)
        await self._ask(order, url, {"member_id": helper, "note": HELPED})

    async def _merge(self, report: FollowedReport, *, taken_out: bool) -> None:
        """The desk finds the other report among the candidates; taken out again, it gets an order of its own."""
        first = report.same_as
        if first is None:
            raise Surprise(f"{report.receipt.case_no} repeats nothing")
        try:
            url = f"/v1/cases/{report.receipt.case_no}"
            likely = [each["case_no"] for each in await self._incident.look(f"{url}/candidates")]
            if first.receipt.case_no not in likely:
                if await self._is_over(first):
                    raise Overtaken
                raise Surprise(f"{first.receipt.case_no} is no candidate for {report.receipt.case_no}")
            await self._decide(report, "merge", {"into": first.receipt.case_no}, beside=first)
            if taken_out:
                await self._decide(report, "unmerge", {"note": "现场核实为另一盏路灯。"})
                return
        finally:
            first.joined.set()
        await first.finished.wait()
        await self._rate_the_other(report)

    async def _correct(self, report: FollowedReport, offered: OrderOffered) -> None:
        """The place was elsewhere: in another unit than the one that it was offered in."""
        there = self._places.draw("inside", self._rng)
        while there.expected_unit is None or there.expected_unit[:12] == (await self._unit_of(offered))[:12]:
            there = self._places.draw("inside", self._rng)
        assert there.point is not None
        longitude, latitude = there.point
        right = {"place": {"point": {"longitude": longitude, "latitude": latitude}}, "reason": "地点选错了。"}
        await self._decide(report, "correct", right)

    async def _unit_of(self, offered: OrderOffered) -> str:
        unit: str = (await self._dispatch.look(f"/v1/orders/{offered.order_id}"))["unit"]
        return unit

    async def _question(self, report: FollowedReport) -> None:
        """The desk asks, and the reporter answers after a while, in which the clock stands still."""
        await self._decide(report, "ask", {"question": "具体在哪一户门前？"}, 201)
        await asyncio.sleep(STANDS_STILL_MINUTES * 60 / self._clock.speed)
        shown = await self._incident.look(f"/v1/track/{report.receipt.tracking_code}")
        if shown["question"] is None:
            return
        said = {"number": shown["question"]["number"], "words": "东头第三户门前。"}
        answer = await self._reporter(report, "answer", said)
        if answer.status_code != 409 or answer.json()["state"] not in TOO_LATE:
            _expect(answer, "an answer")

    async def _take_back(self, report: FollowedReport) -> bool:
        """Whether the report was taken back; where somebody has taken the order on meanwhile, it goes the usual way."""
        answer = await self._reporter(report, "withdraw", {"words": "已经修好了。"})
        if answer.status_code == 409 and answer.json()["state"] in TOO_LATE:
            return False
        _expect(answer, "a withdrawal")
        report.finished.set()
        return True

    async def _follow(self, report: FollowedReport) -> None:
        """A neighbour follows the case, and would take it back, which is not theirs to do."""
        wish = {"case_no": report.receipt.case_no, "contact": {"email": "neighbour@mail.example", "language": "zh"}}
        key = {"Idempotency-Key": f"follow-{report.plan.idempotency_key}"}
        following = await self._incident.post("/v1/follow", wish, key)
        _expect(following, "following", 201)
        url = f"/v1/track/{following.json()['tracking_code']}"
        if not (await self._incident.look(url))["following"]:
            raise Surprise(f"{report.receipt.case_no} is not followed")
        _expect(await self._reporter(report, "withdraw", {}), "taking back what others follow", 409)

    async def carry_out(self, report: FollowedReport) -> None:
        """A planned proposal is on the agenda, the next meeting hears of it, and the desk says that it is done."""
        case_no, by = report.receipt.case_no, {"by_member": self._rng.choice(self._desk)}
        agenda = await self._incident.look("/v1/meetings/agenda", unit=self._tenant, limit="500")
        if case_no not in [each["case_no"] for each in agenda["items"]]:
            raise Surprise(f"{case_no} is planned and on no agenda")
        held_at = (self._clock.now() - report.plan.met_before).isoformat()
        standing, place = [{"case_no": case_no, "words": "长椅已到货。"}], {"name": "街道会议室"}
        minutes = {"kind": "council", "unit": self._tenant, "held_at": held_at, "place": place, "standing": standing}
        key = {"Idempotency-Key": f"meeting-{report.plan.idempotency_key}"}
        _expect(await self._incident.post("/v1/meetings", {**minutes, **by}, key), "a meeting", 201)
        done = {**by, "words": "长椅已装好，欢迎来坐。"}
        _expect(await self._incident.post(f"/v1/meetings/agenda/{case_no}/done", done), "carrying out")

    async def _reporter(self, report: FollowedReport, verb: str, body: Mapping[str, object]) -> httpx.Response:
        return await self._incident.post(f"/v1/track/{report.receipt.tracking_code}/{verb}", body)

    async def _rate_the_other(self, report: FollowedReport) -> None:
        """Who reported the merged case sees the end of the other, and says how it was."""
        url = f"/v1/track/{report.receipt.tracking_code}"

        async def closed() -> str | None:
            shown = await self._incident.look(url)
            return shown["feedback"]["closing"] if shown["joined"] and shown["state"] == "closed" else None

        seen = await until_answered(closed, f"the end of {report.receipt.case_no} for who reported it")
        said = {"satisfied": True, "words": "处理得很好。", "closing": seen}
        answer = await self._incident.post(f"{url}/feedback", said)
        _expect(answer, "the feedback of a merged case")
        report.finished.set()

    async def _asked(self, order: Order, kind: str, reason: str, note: str, amount: int = 0, refused: str = "") -> None:
        """The handler asks, and the organisation above approves, or says why it is `refused`."""
        wish = {"member_id": order["member_id"], "kind": kind, "reason": reason, "note": note, "amount": amount}
        approval = (await self._ask(order, "approvals", wish)).json()
        # Where the handler is all there is of the organisation above, the street decides.
        others = [m for m in self._members[approval["org_id"]] if m != order["member_id"]] or self._desk
        decision = {"member_id": self._rng.choice(others), "approve": not refused, "note": refused}
        await self._ask(order, f"approvals/{approval['approval_id']}/decide", decision)

    async def _is_over(self, report: FollowedReport) -> bool:
        state: str = (await self._incident.look(f"/v1/cases/{report.receipt.case_no}"))["state"]
        return state in OVER

    async def _decide(
        self,
        report: FollowedReport,
        verb: str,
        body: Mapping[str, object],
        status: int = 200,
        beside: FollowedReport | None = None,
    ) -> None:
        """`beside`: another case that must not be over."""
        wish = {"by_member": self._rng.choice(self._desk), **body}
        url = f"/v1/cases/{report.receipt.case_no}"
        answer = await self._incident.post(f"{url}/{verb}", wish)
        if answer.status_code == 409:
            # An outage may have swallowed the answer to the same request.
            now = (await self._incident.look(url))["state"]
            if now == LEADS_TO.get(verb):
                return
            if now in TOO_LATE or (beside is not None and await self._is_over(beside)):
                raise Overtaken
        _expect(answer, verb, status)

    async def _ask(self, order: Order, verb: str, body: Mapping[str, object]) -> httpx.Response:
        url = f"/v1/orders/{order['order_id']}"
        answer = await self._dispatch.post(f"{url}/{verb}", body)
        if answer.status_code == 409:
            # As above: it is where it was to go already.
            if verb in MOVED and (await self._dispatch.look(url))["unit"] != order["unit"]:
                return answer
            raise Overtaken
        _expect(answer, verb)
        return answer

    def _somebody(self, org_id: str) -> str:
        return self._rng.choice(self._members[org_id])


def _expect(answer: httpx.Response, what: str, status: int = 200) -> None:
    if answer.status_code != status:
        raise Surprise(f"{what} was refused with {answer.status_code}: {answer.json().get('detail')}")
