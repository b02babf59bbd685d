"""A street that stands still: four real processes and a clock that only the test moves on by more than moments."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

import httpx
import shapely

from deploy.local.linghe import street
from deploy.local.morning.service_client import street_of
from deploy.local.reconciliation.at_rest import wait_until_at_rest
from deploy.local.system import TENANT, LocalSystem, clock_that_shows

PATIENCE_SECONDS = 60.0
SPEED = 2.0
"""A clock at another speed than the wall's may show any day."""
LAMP, PIPE, TO_VERIFY = "11001", "11002", "12006"

T = TypeVar("T")
Json = dict[str, Any]


class Standing:
    """The Linghe street, asked over HTTP alone. Every wait is for a condition."""

    def __init__(self, local: LocalSystem) -> None:
        self.local = local
        self.here = street.build()
        self.micro_grids = [unit for unit in self.here.units if unit.level == "micro_grid"]
        self.desk, *self._others = [m.member_id for m in self.here.members if m.unit == TENANT]
        self._client = httpx.Client(timeout=30)
        self._reports = 0

    def now(self) -> datetime:
        return self.local.clock.now()

    def later(self, passed: timedelta) -> None:
        """All four services are killed, and start again when so much time has passed."""
        for service in self.local.services.values():
            service.kill()
        self.local.clock = clock_that_shows(self.now() + passed, datetime.now(self.now().tzinfo), SPEED)
        for service in self.local.services.values():
            service.env["WANGGE_CLOCK_EPOCH"] = self.local.clock.epoch.isoformat()
            service.spawn()
        for service in self.local.services.values():
            service.wait_until_answering(PATIENCE_SECONDS)

    def rest(self) -> None:
        assert asyncio.run(wait_until_at_rest(self.local)) == []

    def get(self, service: str, path: str, **query: str | int | None) -> httpx.Response:
        asked = {**street_of(path, TENANT), **{name: value for name, value in query.items() if value is not None}}
        return self._client.get(self.local.urls[service] + path, params=asked)

    def post(self, service: str, path: str, body: Json, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return self._client.post(
            self.local.urls[service] + path, json={**street_of(path, TENANT), **body}, headers=headers
        )

    def done(self, answer: httpx.Response) -> Any:
        assert answer.is_success, answer.text
        return answer.json()

    def until(self, what: str, attempt: Callable[[], T | None]) -> T:
        """What the attempt gives, as soon as it gives anything."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while (found := attempt()) is None:
            assert time.monotonic() < give_up, f"waited in vain for {what}"
            time.sleep(0.05)
        return found

    def report(
        self, category: str = LAMP, unit: int = 0, text: str = "东头的路灯连着两晚不亮。", **more: object
    ) -> Json:
        """The receipt of a report from the middle of a micro-grid."""
        self._reports += 1
        point = shapely.Polygon(self.micro_grids[unit].ring).representative_point()
        body = {
            "category": category,
            "text": text,
            "place": {"point": {"longitude": point.x, "latitude": point.y}},
            "contact": {"email": f"r{self._reports}@residents.example", "language": "zh"},
            **more,
        }
        key = {"Idempotency-Key": f"standing-{self._reports}"}
        receipt: Json = self.done(self.post("incident", "/v1/reports", body, key))
        return receipt

    def order(self, receipt: Json, state: str = "offered", opening: int = 0) -> Json:
        """The case's order, when it is in this state."""

        def look() -> Json | None:
            page = self.done(self.get("dispatch", "/v1/orders", state=state, limit=500))
            mine = [o for o in page["items"] if (o["case_id"], o["opening"]) == (receipt["case_id"], opening)]
            return mine[0] if mine else None

        return self.until(f"the {state} order of {receipt['case_no']}", look)

    def act(self, order: Json, verb: str, member: str | None = None, **body: object) -> Json:
        wish = {"member_id": member or order["member_id"], **body}
        changed: Json = self.done(self.post("dispatch", f"/v1/orders/{order['order_id']}/{verb}", wish))
        return changed

    def handled(self, receipt: Json, opening: int = 0) -> Json:
        """The case's order, claimed and handed in by who was asked first."""
        order = self.order(receipt, opening=opening)
        claimed = self.act(order, "claim", order["offered_to"][0])
        return self.act(claimed, "hand_in", note="已换灯泡。", photos=["photo-after"])

    def closed(self, receipt: Json, opening: int = 0) -> Json:
        """The case's order, when it is checked and the case is closed."""
        order = self.handled(receipt, opening)
        checked = self.act(order, "check", self.somebody_else(order["member_id"]), passed=True)
        self.case(receipt, "closed")
        return checked

    def case(self, receipt: Json, state: str) -> Json:
        def look() -> Json | None:
            case: Json = self.done(self.get("incident", f"/v1/cases/{receipt['case_no']}"))
            return case if case["state"] == state else None

        return self.until(f"the case {receipt['case_no']} to be {state}", look)

    def decide(self, receipt: Json, verb: str, **body: object) -> httpx.Response:
        wish = {"by_member": self.desk, **body}
        return self.post("incident", f"/v1/cases/{receipt['case_no']}/{verb}", wish)

    def rate(self, receipt: Json, *, satisfied: bool) -> httpx.Response:
        words = {"satisfied": satisfied, "words": "又不亮了。"}
        return self.post("incident", f"/v1/track/{receipt['tracking_code']}/feedback", words)

    def inbox(self, recipient: str, receipt: Json) -> list[Json]:
        """What somebody was told in the app about a case, the oldest first."""
        shown = self.done(self.get("notify", f"/v1/recipients/{recipient}/inbox", limit=200))
        return [m for m in reversed(shown) if m["case_id"] == receipt["case_id"]]

    def told(self, recipient: str, receipt: Json) -> Counter[str]:
        return Counter(message["template"] for message in self.inbox(recipient, receipt))

    def somebody_else(self, member: str) -> str:
        """Another of the street committee, which answers for every order."""
        return next(other for other in self._others if other != member)
