"""What a reporter answers with photos, on real NATS and PostgreSQL: incident and dispatch together."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.support.both import BESIDE, Both, make_both
from tests.support.dispatch import TENANT
from tests.support.incident import MEMBER
from tests.support.stage import MakeStage


@pytest.fixture
async def both(stage: MakeStage) -> Both:
    return await make_both(stage, beside=True)


async def asked(both: Both) -> dict[str, str]:
    case: dict[str, str] = (await both.report()).json()
    await both.settled()
    body = {"tenant": TENANT, "by_member": MEMBER, "question": "是哪一盏灯？"}
    answer = await both.incident.http.post(f"/v1/cases/{case['case_no']}/ask", json=body)
    assert answer.status_code == 201, answer.text
    await both.settled()
    return case


async def reply(both: Both, case: dict[str, str], words: str = "东头第三盏", **more: Any) -> httpx.Response:
    body = {"number": 1, "words": words, **more}
    return await both.incident.http.post(f"/v1/track/{case['tracking_code']}/answer", json=body)


async def test_photos_of_an_answer_are_shown_to_the_desk_and_on_the_order(both: Both) -> None:
    case = await asked(both)
    for _ in range(2):
        assert (await reply(both, case, photos=["p1", "p2"])).status_code == 200
    assert (await reply(both, case, photos=["p1"])).status_code == 409
    await both.settled()
    [step] = [s["details"] for s in (await both.case(case))["timeline"] if s["step"] == "answered"]
    assert (step["words"], step["photos"]) == ("东头第三盏", ["p1", "p2"])
    [order] = await both.orders()
    said = {"question": "是哪一盏灯？", "words": "东头第三盏", "photos": ["p1", "p2"]}
    assert order["reporter_answers"] == [said]
    shown = await both.dispatch.http.get(f"/v1/orders/{order['order_id']}", params={"tenant": TENANT})
    assert shown.json()["reporter_answers"] == [said]


@pytest.mark.parametrize("wrong", [["a b"], [""], ["x" * 201], ["p"] * 10, "p1", [None]])
async def test_what_is_no_reference_to_a_photo_is_refused_by_its_name(both: Both, wrong: Any) -> None:
    case = await asked(both)
    refused = await reply(both, case, photos=wrong)
    assert refused.status_code == 422
    assert "photos" in refused.text
    assert (await reply(both, case)).status_code == 200


async def test_what_was_answered_stays_with_an_order_that_begins_again(both: Both) -> None:
    case = await asked(both)
    elsewhere = {"point": {"longitude": 1.5, "latitude": 0.5}}
    await reply(both, case, "在二微，电话13800138000", place=elsewhere, photos=["p1"])
    await both.settled()
    [order] = await both.orders()
    assert order["unit"] == BESIDE
    assert [(said["words"], said["photos"]) for said in order["reporter_answers"]] == [("在二微，电话…", ["p1"])]
