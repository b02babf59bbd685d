"""What reporters, other residents and the desk say to one another, in the scripted life of cases."""

from __future__ import annotations

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
