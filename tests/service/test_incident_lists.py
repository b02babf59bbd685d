"""Lists of cases: filters, pages, totals, files and decisions on many at once, on real NATS and PostgreSQL."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest

from libs.chassis import pages
from libs.chassis.db.ids import new_id
from libs.contracts.incident import CaseFact, CaseRegistered, CaseRejected, Receipt
from tests.support.incident import MEMBER, TENANT, Orders, decide, feedback, report
from tests.support.stage import Stage


async def listed(stage: Stage, **wanted: Any) -> dict[str, Any]:
    answer = await stage.http.get("/v1/cases", params={"tenant": TENANT, **wanted})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def numbers(page: dict[str, Any]) -> list[str]:
    return [item["case_no"] for item in page["items"]]


async def test_pages_follow_one_another_whatever_is_reported_meanwhile(incident: Stage) -> None:
    cases = [(await report(incident)).case_no for _ in range(5)]
    first = await listed(incident, limit=2)
    assert (numbers(first), first["total"]) == (cases[:2:-1], {"count": 5, "more": False})
    added = (await report(incident, "11002")).case_no
    second = await listed(incident, limit=2, after=first["next"])
    third = await listed(incident, limit=2, after=second["next"])
    assert numbers(second) + numbers(third) == cases[2::-1]
    assert (second["total"], third["next"]) == (None, None)
    assert numbers(await listed(incident, sort="oldest", limit=4)) == cases[:4]
    assert numbers(await listed(incident))[0] == added


async def test_filters_leave_what_was_asked_for(incident: Stage) -> None:
    registered, waiting = await report(incident), await report(incident, "11002")
    working = await report(incident)
    await incident.hear(Orders(working).claimed())
    assert numbers(await listed(incident, state=["registered", "reported"])) == [waiting.case_no, registered.case_no]
    assert numbers(await listed(incident, category="11002")) == [waiting.case_no]
    assert numbers(await listed(incident, words="路灯不亮")) == [working.case_no, waiting.case_no, registered.case_no]
    assert numbers(await listed(incident, words="井盖")) == []
    assert numbers(await listed(incident, request_kind="errand")) == []
    assert numbers(await listed(incident, settled=True)) == []
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert numbers(await listed(incident, since=tomorrow)) == []
    assert len(numbers(await listed(incident, until=tomorrow))) == 3
    for unfit in ({"after": "no cursor"}, {"limit": 501}, {"state": "lost"}, {"since": "yesterday"}, {"words": "灯"}):
        answer = await incident.http.get("/v1/cases", params={"tenant": TENANT, **unfit})
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_system_finds_its_own_cases_and_every_fact_about_them_names_it(incident: Stage) -> None:
    """What its key is stays between the two: with it the receipt, and so the tracking code, could be asked for."""
    body = {"tenant": TENANT, "category": "11001", "text": "路灯不亮", "place": {"name": "儒林"}}
    headers = {"Wangge-Sender": "hotline-12345", "Idempotency-Key": "call-0815"}
    ours = Receipt.model_validate((await incident.http.post("/v1/reports", json=body, headers=headers)).json())
    other = await report(incident)
    for asked in ({}, {"sort": "oldest"}, {"state": "registered"}):
        page = await listed(incident, sender="hotline-12345", **asked)
        assert (numbers(page), page["total"]) == ([ours.case_no], {"count": 1, "more": False})
    assert numbers(await listed(incident, sender="web")) == [other.case_no]
    assert numbers(await listed(incident, sender="nobody")) == []
    file = await incident.http.get("/v1/cases.csv", params={"tenant": TENANT, "sender": "hotline-12345"})
    assert [(r["case_no"], r["sender"]) for r in csv.DictReader(StringIO(file.text.removeprefix("\ufeff")))] == [
        (ours.case_no, "hotline-12345")
    ]
    orders = Orders(ours)
    await incident.hear(orders.dispatched(), orders.claimed(), orders.handled(), orders.checked())
    await feedback(incident, ours, satisfied=False)
    await decide(incident, ours, "void", reason="mistaken")
    await incident.settled()
    told = [fact for fact in await incident.said(CaseFact) if fact.case_id == ours.case_id]
    assert {fact.message_name for fact in told} == {
        *("reported", "registered", "resolved", "closed", "evaluated", "reopened", "voided")
    }
    assert {fact.sender for fact in told} == {"hotline-12345"}
    assert not [fact for fact in told if "call-0815" in fact.model_dump_json()]


async def test_beyond_a_limit_there_are_more_than_that(incident: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "COUNTED_AT_MOST", 2)
    for _ in range(4):
        await report(incident)
    assert (await listed(incident, limit=1))["total"] == {"count": 2, "more": True}


async def test_a_file_has_every_case_and_no_formula(incident: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "ROWS_AT_ONCE", 2)
    place = {"name": '=HYPERLINK("http://x")'}
    body = {"tenant": TENANT, "category": "11001", "text": "=1+1 打13800000000", "place": place}
    cases = [(await report(incident)).case_no for _ in range(4)]
    await incident.http.post("/v1/reports", json=body, headers={"Idempotency-Key": str(new_id())})
    answer = await incident.http.get("/v1/cases.csv", params={"tenant": TENANT})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(StringIO(answer.text.removeprefix("\ufeff"))))
    assert [row["case_no"] for row in rows[:4]] == cases
    assert rows[4]["place_name"].startswith("'=")
    assert rows[4]["summary"] == "'=1+1 打…"
    assert (rows[0]["state"], rows[0]["state_name"], rows[0]["request_kind_name"]) == (
        "registered",
        "registered",
        "snapshot",
    )
    only = await incident.http.get("/v1/cases.csv", params={"tenant": TENANT, "state": "closed"})
    assert len(only.text.splitlines()) == 1


async def test_who_reads_chinese_gets_a_file_in_chinese_with_codes_beside_the_words(incident: Stage) -> None:
    case_no = (await report(incident)).case_no
    answer = await incident.http.get("/v1/cases.csv", params={"tenant": TENANT}, headers={"Accept-Language": "zh-CN"})
    assert (answer.headers["content-language"], answer.headers["vary"]) == ("zh", "accept-language")
    [row] = csv.DictReader(StringIO(answer.text.removeprefix("\ufeff")))
    assert (row["案件编号"], row["状态"], row["状态代码"]) == (case_no, "已立案", "registered")
    assert (row["上报方式"], row["上报方式代码"]) == ("随手拍", "snapshot")


async def test_a_decision_on_many_cases_answers_for_each(incident: Stage) -> None:
    waiting = [await report(incident, "11002") for _ in range(3)]
    registered = await report(incident)
    named = [*(case.case_no for case in waiting), registered.case_no, "20261123-999999", waiting[0].case_no]
    body = {"tenant": TENANT, "by_member": MEMBER, "case_nos": named, "move": "accept"}
    answers = (await incident.http.post("/v1/cases/moves", json=body)).json()
    assert [(a["status"], a["state"]) for a in answers] == [
        *[(200, "registered")] * 3,
        (409, "registered"),
        (404, None),
    ]
    assert "registered" in answers[3]["detail"]
    assert len(await incident.said(CaseRegistered)) == 4
    for unfit in ({"move": "reject"}, {"move": "accept", "reason": "test"}, {"move": "void", "reason": "untrue"}):
        assert (await incident.http.post("/v1/cases/moves", json={**body, **unfit})).status_code == 422
    more = [(await report(incident, "11002")).case_no for _ in range(2)]
    rejecting = {**body, "case_nos": more, "move": "reject", "reason": "not_ours"}
    assert {a["status"] for a in (await incident.http.post("/v1/cases/moves", json=rejecting)).json()} == {200}
    assert len(await incident.said(CaseRejected)) == 2


@pytest.mark.parametrize("what", ["cases", "cases.csv", "cases/counts", "categories"])
async def test_a_street_that_is_not_here_is_named_in_every_list(incident: Stage, what: str) -> None:
    answer = await incident.http.get(f"/v1/{what}", params={"tenant": "999999999"}, headers={"accept-language": "zh"})
    assert (answer.status_code, answer.json()["detail"]) == (404, "这里没有街道 999999999。")
