"""What reporters, other residents and the desk say to one another, in the scripted life of cases."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from libs.contracts.incident import Receipt
from tests.support.four_services import FourServices


async def speak(life: FourServices, receipt: Receipt, by: str, key: str) -> None:
    """A case is noted on, asked about, answered, corrected, followed, let go, and taken back."""
    case, own = f"/v1/cases/{receipt.case_no}", f"/v1/track/{receipt.tracking_code}"
    await life.ask("incident", "POST", f"{case}/notes", {"by_member": by, "words": "老人，先打电话"}, 201)
    await life.ask("incident", "POST", f"{case}/ask", {"by_member": by, "question": "哪一盏？"}, 201)
    await life.at_rest()
    await life.ask("incident", "GET", own)
    elsewhere = {"point": {"longitude": 119.02, "latitude": 36.28}}
    await life.ask("incident", "POST", f"{own}/answer", {"number": 1, "words": "东头", "place": elsewhere})
    await life.at_rest()
    right = {"by_member": by, "reason": "写错了", "text": "两盏路灯不亮"}
    await life.ask("incident", "POST", f"{case}/correct", right)
    header = {"Idempotency-Key": key}
    body = {"case_no": receipt.case_no, "contact": {"email": "follower@mail.example"}}
    following = await life.ask("incident", "POST", "/v1/follow", body, 201, header)
    await life.at_rest()
    code = following.json()["tracking_code"]
    await life.ask("incident", "GET", f"/v1/track/{code}")
    await life.ask("incident", "POST", f"/v1/track/{code}/unfollow", {})
    await life.ask("incident", "POST", f"{own}/withdraw", {})
    await life.at_rest()


async def meet(
    life: FourServices,
    unit: str,
    category: str,
    by: str,
    key: str,
    standing: str | None,
    claim: Callable[[str, Sequence[str]], Awaitable[str]],
) -> str:
    """A meeting with a matter, which is planned, carried out, and reported on by the next one; its number."""
    matters = [{"category": category, "text": "加一盏路灯"}]
    minutes: dict[str, Any] = {"kind": "council", "unit": unit, "place": {"name": "村委会"}, "matters": matters}
    minutes |= {"by_member": by, "held_at": (datetime.now(UTC) - timedelta(minutes=1)).isoformat()}
    minutes |= {"standing": [{"case_no": standing, "words": "在办"}] if standing else []}
    header = {"Idempotency-Key": key}
    recorded = (await life.ask("incident", "POST", "/v1/meetings", minutes, 201, header)).json()
    await life.ask("incident", "POST", "/v1/meetings", minutes, 201, header)
    await life.at_rest()
    await life.ask("incident", "GET", f"/v1/meetings/{recorded['meeting_id']}")
    await life.ask("incident", "GET", f"/v1/meetings?unit={unit}&limit=1")
    case_no, case_id = recorded["matters"][0]["case_no"], recorded["matters"][0]["case_id"]
    planned = {"answer": "planned", "planned_for": "2099-12-31", "result": "明年装"}
    find = "SELECT order_id, offered_to FROM orders WHERE case_id = $1"
    order = await life.looking["dispatch"].fetchrow(find, UUID(case_id))
    assert order is not None
    url = f"/v1/orders/{order['order_id']}"
    who = {"member_id": await claim(url, json.loads(order["offered_to"]))}
    await life.ask("dispatch", "POST", f"{url}/hand_in", {**who, **planned})
    await life.ask("dispatch", "POST", f"{url}/check", {"member_id": by, "passed": True})
    await life.at_rest()
    await life.ask("incident", "GET", f"/v1/meetings/agenda?unit={unit}")
    done = {"by_member": by, "words": "已装好"}
    await life.ask("incident", "POST", f"/v1/meetings/agenda/{case_no}/done", done)
    await life.at_rest()
    return str(case_no)
