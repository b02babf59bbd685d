"""Times that are sent: with an offset, and near enough that they are the same day's in every zone."""

from __future__ import annotations

from tests.support.both import make_both
from tests.support.dispatch import TENANT
from tests.support.stage import MakeStage

FAR = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1999-12-31T23:59:59Z", "2100-01-01T00:00:00Z")


async def test_a_time_that_is_far_away_is_refused_by_its_name(stage: MakeStage) -> None:
    both = await make_both(stage)
    case = (await both.report()).json()
    await both.settled()
    for far in FAR:
        case_url = f"/v1/cases/{case['case_no']}"
        asked = [
            ("since", await both.incident.http.get("/v1/cases", params={"tenant": TENANT, "since": far})),
            ("as_of", await both.incident.http.get(case_url, params={"tenant": TENANT, "as_of": far})),
        ]
        for name in ("due_before", "appointment_before"):
            asked.append((name, await both.dispatch.http.get("/v1/orders", params={"tenant": TENANT, name: far})))
        away = {"tenant": TENANT, "member_id": "M1", "from_at": far, "until_at": far, "reason": "leave"}
        asked.append(("from_at", await both.dispatch.http.post("/v1/absences", json=away)))
        window = {"starts_at": far, "ends_at": far}
        asked.append(("starts_at", await both.report("k-2", request_kind="service_order", appointment=window)))
        for name, answer in asked:
            assert answer.status_code == 422, (name, far, answer.text)
            assert f"{name}: must be in the years 2000 to 2099" in answer.json()["detail"]
