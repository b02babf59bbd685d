"""A scripted life of cases on the four services at once: every step that a case can take, and what people look up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from libs.chassis import housekeeping
from libs.chassis.db.ids import new_id
from libs.chassis.pages import encode_cursor
from libs.contracts import cloudevents
from libs.contracts.incident import CaseEvaluated, Receipt
from tests.support.four_services import TENANT, FourServices
from tests.support.scripted_joint import help_each_other
from tests.support.scripted_reporters import meet, speak
from tests.support.stage import stamped

AUTOMATIC, ACCEPTED, VERIFIED = "11004", "11010", "12006"
DESK = "M0001"
OTHERS = ("M0002", "M0003")


OF_A_SENDER = ("sender=web&limit=1", "sender=web&sort=oldest", "sender=hotline-12345")


LIVE = """
SELECT order_id::text FROM orders WHERE tenant = $1 AND state NOT IN ('checked', 'cancelled') AND order_id > $2
"""


@dataclass
class Life(FourServices):
    """`began` tells what it has made from what was there before."""

    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    busy: str = ""
    """A member who has claimed an order."""

    @property
    def mine(self) -> UUID:
        """Orders that this life has made come after it."""
        return UUID(int=int(self.began.timestamp() * 1000) << 80)

    async def lead(self, cases: int) -> None:
        """From reports to points, with all that goes wrong on the way; the number of cases is of the usual ones."""
        usual = [await self.report(AUTOMATIC, 2 * n + 1) for n in range(cases)]
        decided = [await self.report(category, n) for category in (ACCEPTED, VERIFIED) for n in range(2)]
        again = [await self.report(AUTOMATIC, 1), await self.report("99999", 0, status=422)]
        assert again[0] == usual[0]
        for receipt, verb, more in zip(
            [d for d in decided if d],
            ("accept", "reject", "verify", "verify"),
            ({}, {"reason": "not_ours"}, _found(True), _found(False)),
            strict=True,
        ):
            await self.ask("incident", "POST", f"/v1/cases/{receipt.case_no}/{verb}", {"by_member": DESK, **more})
        await self.at_rest()
        await self.look_on_site()
        orders = await self.orders_of([r for r in usual if r])
        assert len(orders) == cases
        await self.forget_reporter(orders[0]["case_id"])
        finished = await self.work_on(orders)
        await self.at_rest()
        for n, receipt in enumerate(r for r in usual if r):
            url = f"/v1/track/{receipt.tracking_code}"
            if receipt.case_id in finished:
                await self.ask("incident", "POST", f"{url}/feedback", {"satisfied": n % 3 > 0, "words": "好"})
            case = f"/v1/cases/{receipt.case_no}"
            if receipt.case_id in finished and n % 3 > 0:
                await self.ask("incident", "POST", f"{case}/street-evaluation", {"by_member": DESK, "grade": "good"})
            await self.ask("incident", "GET", url)
            await self.ask("incident", "GET", case)
        await self.at_rest()
        await self.expect_at_another_time()
        await self.go_away()
        await self.leases_run_out()
        await self.put_together()
        await self.speak_with_reporters()
        await self.clocks_run_out()
        await self.patrol()
        await self.come_too_early()
        await self.look_up()
        for service, stage in self.stages.items():
            await housekeeping.tidy(stage.service.engine, service)

    async def report(self, category: str, number: int, status: int = 201, **more: Any) -> Receipt | None:
        point = {"longitude": 119.01 + number % 97 * 0.0018, "latitude": 36.27 + number % 89 * 0.0018}
        body = {"category": category, "text": f"路灯不亮，第 {number} 盏", "place": {"point": point}}
        if number % 3 == 0:
            body["component"] = "LH-LD-000004"
        contact = {"contact": {"email": f"r{number}@mail.example"}} if number % 4 == 1 else {}
        key = {"Idempotency-Key": f"life-{category}-{number}"}
        answer = await self.ask("incident", "POST", "/v1/reports", {**body, **contact, **more}, status, key)
        return Receipt.model_validate(answer.json()) if status == 201 else None

    async def look_on_site(self) -> None:
        """Whoever is sent says that a report is true."""
        assert await self.report(VERIFIED, 301) is not None
        await self.at_rest()
        page = (await self.ask("dispatch", "GET", "/v1/inspections?kind=verify&limit=1")).json()
        [asked] = page["items"]
        url = f"/v1/inspections/{asked['inspection_id']}"
        await self.ask("dispatch", "POST", f"{url}/answer", {"member_id": asked["member_id"], **_found(True)})
        await self.ask("dispatch", "GET", url)
        await self.at_rest()

    async def expect_at_another_time(self) -> None:
        """Errands are reported with a window and moved, by the reporter and by staff."""
        for n in range(300, 306):
            more: dict[str, Any] = {"request_kind": "errand", "appointment": _window(1), "documents": ["户口簿"]}
            errand = await self.report(AUTOMATIC, n, **more)
            assert errand is not None
            await self.at_rest()
            own, case = f"/v1/track/{errand.tracking_code}", f"/v1/cases/{errand.case_no}"
            await self.ask("incident", "POST", f"{own}/appointment", {"appointment": _window(2)})
            await self.ask("incident", "POST", f"{case}/appointment", {"appointment": _window(3), "by_member": DESK})
            await self.at_rest()

    async def put_together(self) -> None:
        """What is the same matter is found, merged, taken apart, put under another and voided; some of it twice."""
        for n in range(200, 206, 2):
            one, other = await self.report(AUTOMATIC, n), await self.report(AUTOMATIC, n + 1)
            assert one is not None
            assert other is not None
            await self.at_rest()
            url, by = f"/v1/cases/{other.case_no}", {"by_member": DESK}
            await self.ask("incident", "GET", f"{url}/candidates")
            await self.ask("incident", "GET", f"/v1/track/{other.tracking_code}/known")
            await self.ask("incident", "POST", f"{url}/merge", {**by, "into": one.case_no})
            await self.ask("incident", "GET", f"/v1/track/{other.tracking_code}")
            await self.at_rest()
            await self.ask("incident", "POST", f"{url}/unmerge", {**by, "note": "另一盏灯"})
            await self.ask("incident", "PUT", f"{url}/parent", {**by, "parent": one.case_no})
            await self.at_rest()
            await self.ask("incident", "POST", f"{url}/void", {**by, "reason": "mistaken"})
            await self.ask("incident", "GET", f"/v1/cases/{one.case_no}")
            await self.at_rest()

    async def speak_with_reporters(self) -> None:
        """Corrections, questions, followers; one question is not answered in time."""
        for n in range(400, 406):
            receipt = await self.report(AUTOMATIC, n)
            assert receipt is not None
            await self.at_rest()
            await speak(self, receipt, DESK, f"life-{n}")
        before: str | None = None
        for n in range(6):
            before = await meet(self, f"{TENANT}201", AUTOMATIC, DESK, f"life-meeting-{n}", before, self.claimed)
        silent = await self.report(ACCEPTED, 410)
        assert silent is not None
        question = {"by_member": DESK, "question": "哪一盏？"}
        await self.ask("incident", "POST", f"/v1/cases/{silent.case_no}/ask", question, 201)
        await self.looking["incident"].execute("UPDATE timers SET due_at = now() WHERE name = 'AnswerClock'")
        await self.fire_timers()
        await self.at_rest()

    async def forget_reporter(self, case_id: UUID) -> None:
        """What they would be told from now on is suppressed."""
        query = "SELECT recipient_id FROM cases WHERE tenant = $1 AND case_id = $2"
        reporter = await self.looking["notify"].fetchval(query, TENANT, case_id)
        await self.ask("notify", "DELETE", f"/v1/recipients/{reporter}", status=204)

    async def orders_of(self, receipts: Sequence[Receipt]) -> list[asyncpg.Record]:
        ids = [receipt.case_id for receipt in receipts]
        query = "SELECT * FROM orders WHERE tenant = $1 AND case_id = ANY($2) ORDER BY case_id"
        return list(await self.looking["dispatch"].fetch(query, TENANT, ids))

    async def work_on(self, orders: Sequence[asyncpg.Record]) -> set[UUID]:
        """Claimed, some given back, handed in, some done again, checked; a fifth nobody claims. The closed cases."""
        finished = set()
        for n, order in enumerate(orders):
            if n % 5 == 4:
                continue
            who, url = order["offered_to"], f"/v1/orders/{order['order_id']}"
            self.busy = claimant = await self.claimed(url, [m.strip('"') for m in who.strip("[]").split(", ")])
            if n % 5 == 3:
                given = {"member_id": DESK, "to_member": OTHERS[n // 5 % 2], "reason": "离现场最近"}
                claimant = (await self.ask("dispatch", "POST", f"{url}/assign", given)).json()["member_id"]
            if n % 5 == 1:
                await self.ask("dispatch", "POST", f"{url}/give_back", {"member_id": claimant, "reason": "缺设备"})
                continue
            if n % 5 == 3:
                await self.ask_for_time(url, claimant)
                await help_each_other(self, url, DESK, OTHERS[(n // 5 + 1) % 2])
            done = {"member_id": claimant, "note": "已处置", "photos": ["p"]}
            await self.ask("dispatch", "POST", f"{url}/hand_in", done)
            if n % 5 == 2:
                await self.ask(
                    "dispatch", "POST", f"{url}/check", {"member_id": DESK, "passed": False, "note": "未修好"}
                )
                await self.ask("dispatch", "POST", f"{url}/hand_in", done)
            await self.ask("dispatch", "POST", f"{url}/check", {"member_id": DESK, "passed": True})
            await self.ask("dispatch", "GET", url)
            await self.ask("dispatch", "GET", f"{url}/inspections")
            finished.add(order["case_id"])
        return finished

    async def ask_for_time(self, url: str, claimant: str) -> None:
        """Begun, supervised, extended, suspended, resumed, and an appeal that is upheld."""
        me, desk = {"member_id": claimant}, {"member_id": DESK}
        await self.ask("dispatch", "POST", f"{url}/start", me)
        await self.ask("dispatch", "POST", f"{url}/supervise", {**desk, "note": "请抓紧"})
        for kind, reason, approve in (
            ("extension", "materials", True),
            ("suspension", "season", True),
            ("appeal", "unfair", True),
        ):
            wish = {**me, "kind": kind, "reason": reason, "note": "等待材料", "amount": 1}
            asked = (await self.ask("dispatch", "POST", f"{url}/approvals", wish)).json()
            await self.ask("dispatch", "GET", f"/v1/approvals?org_id={asked['org_id']}")
            decision = {**desk, "approve": approve, "note": "不属实"}
            await self.ask("dispatch", "POST", f"{url}/approvals/{asked['approval_id']}/decide", decision)
        await self.ask("dispatch", "POST", f"{url}/resume", me)
        await self.ask("dispatch", "GET", f"{url}/approvals")
        await self.ask("dispatch", "GET", "/v1/calendar/2026")

    async def claimed(self, url: str, members: Sequence[str]) -> str:
        """Who of them has it now: some have as many orders as they may have."""
        for member_id in members:
            body = {"tenant": TENANT, "member_id": member_id}
            if (await self.stages["dispatch"].http.post(f"{url}/claim", json=body)).status_code == 200:
                return member_id
        raise AssertionError(f"nobody may claim {url}")

    async def go_away(self) -> None:
        """Whoever is busy is absent from now on, is back earlier, and does not go another time."""
        for days in (0, 5):
            start = datetime.now(UTC) + timedelta(days=days)
            away = {"member_id": self.busy, "reason": "leave"}
            away |= {"from_at": start.isoformat(), "until_at": (start + timedelta(days=1)).isoformat()}
            recorded = (await self.ask("dispatch", "POST", "/v1/absences", away, 201)).json()
            await self.fire_timers()
            await self.ask("dispatch", "GET", "/v1/absences")
            await self.ask("dispatch", "GET", f"/v1/absences?member_id={self.busy}")
            await self.ask("dispatch", "DELETE", f"/v1/absences/{recorded['absence_id']}")
        await self.at_rest()

    async def leases_run_out(self) -> None:
        """What nobody has claimed is offered to more; leases end one now and one then."""
        due = "UPDATE timers SET due_at = now() WHERE name = 'OfferLease' AND body ->> 'order_id' = $1"
        dispatch = self.looking["dispatch"]
        for (order_id,) in (await dispatch.fetch(LIVE, TENANT, self.mine))[-4:]:
            await dispatch.execute(due, order_id)
            await self.fire_timers()
            await self.at_rest()

    async def clocks_run_out(self) -> None:
        """Amber, then red, for every order that is open; and one timer whose handler cannot work."""
        dispatch = self.looking["dispatch"]
        stranger = "SELECT order_id::text FROM orders WHERE tenant <> $1 AND state = 'offered' LIMIT 1"
        faulty = "INSERT INTO timers VALUES ('OrderClock', $1, now(), '{}') ON CONFLICT (name, key) DO UPDATE SET "
        await dispatch.execute(f"{faulty} due_at = now()", await dispatch.fetchval(stranger, TENANT))
        for _ in range(2):
            due = "UPDATE timers SET due_at = now() WHERE name = 'OrderClock' AND key = ANY($1)"
            await dispatch.execute(due, [row[0] for row in await dispatch.fetch(LIVE, TENANT, self.mine)])
            await self.fire_timers()
            await self.at_rest()

    async def patrol(self) -> None:
        """A campaign is planned, begins a round and ends; some units are visited, one with a finding."""
        dispatch, area = self.looking["dispatch"], f"{TENANT}201"
        plan = {
            "name_zh": "消防巡查",
            "name_en": "Fire patrol",
            "areas": [area],
            "category": AUTOMATIC,
            "begins_at": "2026-01-01T00:00:00Z",
            "recurrence": "FREQ=DAILY",
            "window_minutes": 60,
        }
        await self.ask("dispatch", "POST", "/v1/campaigns/preview", plan)
        begun = (await self.ask("dispatch", "POST", "/v1/campaigns", plan, 201)).json()["campaign_id"]
        url = f"/v1/campaigns/{begun}"
        await self.ask("dispatch", "POST", f"{url}/change", plan)
        await self.ask("dispatch", "POST", f"{url}/pause", {})
        await self.ask("dispatch", "POST", f"{url}/resume", {})
        due = "UPDATE campaigns SET next_at = now() - interval '1 minute' WHERE campaign_id = $1 RETURNING next_at"
        at = await dispatch.fetchval(due, UUID(begun))
        timer = "UPDATE timers SET due_at = $2, body = body || jsonb_build_object('due_at', $3::text) WHERE key = $1"
        await dispatch.execute(timer, begun, at, at.isoformat())
        await self.fire_timers()
        await self.at_rest()
        [planned] = (await self.ask("dispatch", "GET", f"{url}/rounds")).json()
        round_url = f"/v1/patrols/rounds/{planned['round_id']}/tasks"
        tasks = (await self.ask("dispatch", "GET", round_url)).json()
        for n, task in enumerate(tasks[:2]):
            visit = {
                "key": f"life-{planned['round_id']}-{n}",
                "round_id": planned["round_id"],
                "unit": task["unit"],
                "member_id": task["member_id"],
                "visited_at": at.isoformat(),
                "point": {"longitude": 119.1, "latitude": 36.3},
                "findings": [{"description": "井盖缺失"}][:n],
            }
            receipt = (await self.ask("dispatch", "POST", "/v1/patrols/visits", visit, 201)).json()
            await self.ask("dispatch", "GET", f"/v1/patrols/visits/{receipt['visit_id']}")
        await self.ask("dispatch", "GET", f"{round_url}/{tasks[0]['unit']}/visits")
        await self.ask("dispatch", "GET", f"/v1/members/{tasks[0]['member_id']}/patrols")
        await self.ask("dispatch", "POST", f"{url}/end", {})
        await self.ask("dispatch", "GET", "/v1/campaigns")
        await self.ask("dispatch", "GET", url)
        await dispatch.execute("UPDATE timers SET due_at = now() WHERE name = 'RoundOver'")
        await self.fire_timers()
        for shown in ("coverage", "missed"):
            await self.ask("dispatch", "GET", f"/v1/patrols/{shown}?first={planned['planned_at'][:10]}")
        await self.at_rest()

    async def come_too_early(self) -> None:
        """A fact about an order that nobody knows waits; one that is none is parked."""
        scoring = self.stages["scoring"]
        fact = CaseEvaluated(
            tenant=TENANT,
            occurred_at=datetime.now(UTC),
            case_id=new_id(),
            case_no="20261123-000001",
            order_id=new_id(),
            satisfied=True,
        )
        envelope = cloudevents.encode(stamped(fact))
        broken = {**envelope.headers, "ce-id": str(new_id())}
        js = (await scoring.service.broker.connect()).jetstream()
        await js.publish(envelope.subject, envelope.body, headers=envelope.headers)
        await js.publish(envelope.subject, b"{", headers=broken)
        await self.at_rest()
        await scoring.service.processor.process_due(200)

    async def look_up(self) -> None:
        """What people look up, a page of each."""
        member = f"member:{self.busy}"
        [message, *_] = (await self.ask("notify", "GET", f"/v1/recipients/{member}/inbox")).json()
        await self.ask("notify", "POST", f"/v1/recipients/{member}/inbox/{message['delivery_id']}/read")
        await self.ask("notify", "GET", "/v1/recipients/member:nobody/inbox", None, 404)
        await self.ask("scoring", "GET", "/v1/orgs/nobody/evaluations", None, 404)
        await self.ask("notify", "PUT", f"/v1/recipients/{member}/preferences", {"email": False}, 204)
        await self.ask("notify", "GET", f"/v1/recipients/{member}/preferences")
        states = {"incident": ("reported", "in_progress", "closed"), "dispatch": ("offered", "handled", "checked")}
        for service, what in (("incident", "cases"), ("dispatch", "orders")):
            sorts = ("sort=oldest", *OF_A_SENDER) if what == "cases" else ()
            for asked in ("", *sorts, *(f"state={state}" for state in states[service])):
                await self.ask(service, "GET", f"/v1/{what}?{asked}&after={encode_cursor(new_id())}")
        await self.ask("incident", "GET", "/v1/cases?sender=web&limit=1")
        history = "/v1/components/LH-LD-000004/orders"
        newest = (await self.ask("dispatch", "GET", f"{history}?limit=1")).json()
        await self.ask("dispatch", "GET", f"{history}?limit=1&after={newest['next']}")
        page = (await self.ask("dispatch", "GET", f"/v1/orders?member_id={self.busy}")).json()
        beyond = encode_cursor(UUID(page["items"][0]["order_id"]))
        await self.ask("dispatch", "GET", f"/v1/orders?member_id={self.busy}&limit=1&after={beyond}")
        await self.ask("dispatch", "GET", f"/v1/orders?member_id={self.busy}&limit=1")
        for asked in ("", f"&member_id={self.busy}"):
            await self.ask("dispatch", "GET", f"/v1/inspections?state=assigned&state=done{asked}&limit=1")
            await self.ask("dispatch", "GET", f"/v1/inspections?state=done{asked}&after={encode_cursor(new_id())}")
        await self.ask("incident", "GET", "/v1/categories")
        dry_run = {"category": AUTOMATIC, "place": {"name": "儒林"}}
        await self.ask("dispatch", "POST", "/v1/routing/dry-run", dry_run)
        await self.ask("dispatch", "GET", "/v1/places?q=儒林")
        await self.ask("scoring", "GET", f"/v1/members/{self.busy}/points")
        for url in (
            "/v1/ranking",
            "/v1/orgs/ranking",
            "/v1/ranking?dimension=服务争先",
            f"/v1/orgs/{page['items'][0]['org_id']}/evaluations",
        ):
            await self.ask("scoring", "GET", url)

    async def count_everything(self) -> None:
        """What reads all that there is, and is asked for now and then."""
        for service, url in (
            ("incident", "/v1/cases?limit=1"),
            ("incident", "/v1/cases.csv"),
            ("dispatch", "/v1/orders?limit=1"),
            ("incident", "/v1/cases.csv?sender=hotline-12345"),
            ("incident", "/v1/cases.jsonl"),
            ("dispatch", "/v1/orders.csv"),
            ("dispatch", "/v1/orders.jsonl"),
            ("incident", "/v1/cases/counts"),
            ("dispatch", "/v1/orders/counts"),
            ("dispatch", "/v1/orders/ended-by-level?since=2020-01-01T00:00:00Z&until=2040-01-01T00:00:00Z"),
            ("notify", "/v1/deliveries/counts"),
            ("notify", "/v1/deliveries/latency"),
            ("scoring", "/v1/ledger/check"),
        ):
            await self.ask(service, "GET", url)
        await self.ask("dispatch", "POST", "/v1/routing/replay", {"rules": []})


def _found(true_report: bool) -> dict[str, Any]:
    return {"true_report": true_report, "note": "现场核实"}


def _window(days: int) -> dict[str, str]:
    starts_at = datetime.now(UTC) + timedelta(days=days)
    return {"starts_at": starts_at.isoformat(), "ends_at": (starts_at + timedelta(hours=2)).isoformat()}
