"""Reporting on real NATS and PostgreSQL: one answer for a key, nothing half stored, no contact in clear."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from libs import sealing
from libs.chassis.db.ids import new_id
from libs.contracts.incident import CaseRegistered, CaseReported, Receipt, ReportCase
from libs.contracts.problem import Problem
from libs.contracts.values import Place, Point, Registration
from services.incident.intake.domain import TakeReport
from tests.support.incident import TENANT, category
from tests.support.stage import KEYS, NOON, MakeStage, Stage


@pytest.fixture
async def incident(stage: MakeStage) -> Stage:
    running = await stage("incident")
    await running.hear(category("11001"), category("11002", Registration.ACCEPTOR, "供水管道破裂"))
    return running


def body(**changes: Any) -> dict[str, Any]:
    return {
        "tenant": TENANT,
        "category": "11001",
        "text": "路灯不亮，请打13800000000",
        "place": {"point": {"longitude": 119.2, "latitude": 36.4}},
        **changes,
    }


async def post(stage: Stage, key: str | None, sender: str | None = None, **changes: Any) -> httpx.Response:
    headers = {name: v for name, v in {"Idempotency-Key": key, "Wangge-Sender": sender}.items() if v is not None}
    return await stage.http.post("/v1/reports", json=body(**changes), headers=headers)


async def case_count(stage: Stage) -> int:
    async with stage.database() as db:
        row = await db.one(text("SELECT count(*) FROM cases"))
    assert row is not None
    return int(row[0])


async def test_a_report_is_answered_with_its_number_and_becomes_a_case(incident: Stage) -> None:
    answer = await post(incident, "k-1")
    assert answer.status_code == 201
    assert set(answer.json()) == {"case_id", "case_no", "tracking_code"}
    await incident.settled()
    [reported] = await incident.said(CaseReported)
    [registered] = await incident.said(CaseRegistered)
    assert reported.case_no == registered.case_no == answer.json()["case_no"]
    assert reported.correlation_id == registered.correlation_id == registered.case_id
    assert registered.summary == "路灯不亮，请打…"
    assert registered.category_name == "路灯不亮"


async def test_a_report_of_a_category_with_an_acceptor_waits(incident: Stage) -> None:
    answer = await post(incident, "k-1", category="11002")
    assert answer.status_code == 201
    assert len(await incident.said(CaseReported)) == 1
    assert await incident.said(CaseRegistered) == []


async def test_the_same_report_again_has_the_same_answer_and_another_under_its_key_is_refused(incident: Stage) -> None:
    first = await post(incident, "k-1", contact={"email": "wang@mail.example"})
    again = await post(incident, "k-1")
    assert (again.status_code, again.json()) == (201, first.json())
    other = await post(incident, "k-1", text="别的事")
    assert other.status_code == 422
    assert other.json()["title"] == "Key used for another report"
    assert (await post(incident, "k-1", sender="patrol-app", text="别的事")).status_code == 201
    assert await case_count(incident) == 2


async def test_copies_that_arrive_together_are_one_case(incident: Stage) -> None:
    answers = await asyncio.gather(
        *(post(incident, "k-1") for _ in range(8)), post(incident, "k-1", text="别的事"), post(incident, "k-2")
    )
    assert [a.status_code for a in answers] == [201] * 8 + [422, 201]
    assert len({a.json()["case_no"] for a in answers[:8]}) == 1
    assert await case_count(incident) == 2
    assert len(await incident.said(CaseReported)) == 2


async def test_a_report_that_was_taken_keeps_its_answer_when_its_category_is_gone(incident: Stage) -> None:
    first = await post(incident, "k-1")
    await incident.hear(category("11001", minute=1).model_copy(update={"active": False}))
    assert (await post(incident, "k-1")).json() == first.json()
    assert (await post(incident, "k-2")).json()["title"] == "Unknown category"


async def test_an_unknown_category_or_street_is_named(incident: Stage) -> None:
    unknown = await post(incident, "k-1", category="99999")
    assert unknown.status_code == 422
    assert "99999" in unknown.json()["detail"]
    assert "GET /v1/categories" in unknown.json()["detail"]
    street = await post(incident, "k-1", tenant="370784999")
    assert (street.status_code, street.json()["title"]) == (422, "Unknown street")
    # A refused report takes no key.
    assert (await post(incident, "k-1")).status_code == 201


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"text": ""}, "text"),
        ({"text": "灯" * 5001}, "5000"),
        ({"text": "灯\0"}, "U+0000"),
        ({"place": {}}, "a place needs a point"),
        ({"place": {"point": {"longitude": 200, "latitude": 0}}}, "180"),
        ({"tenant": "3707"}, "tenant"),
        ({"contact": {"language": "zh"}}, "a contact needs an email"),
    ],
)
async def test_a_report_that_cannot_be_taken_says_what_is_wrong(
    incident: Stage, changes: dict[str, Any], said: str
) -> None:
    answer = await post(incident, "k-1", **changes)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]


@pytest.mark.parametrize(
    ("key", "title", "said"),
    [
        (None, "Idempotency-Key needed", "Send a header Idempotency-Key of 1 to 128"),
        ("k" * 129, "Unfit Idempotency-Key", "has 129 characters, and may have 128"),
        ("a b", "Unfit Idempotency-Key", "visible ASCII characters only, no spaces"),
    ],
)
async def test_a_missing_or_unfit_key_is_explained(incident: Stage, key: str | None, title: str, said: str) -> None:
    answer = await post(incident, key)
    assert (answer.status_code, answer.json()["title"]) == (422, title)
    assert said in answer.json()["detail"]


async def test_a_body_that_is_too_large_or_no_json_is_refused(incident: Stage) -> None:
    headers = {"Idempotency-Key": "k-1", "Content-Type": "application/json"}
    large = await incident.http.post("/v1/reports", content=b"x" * 1_000_000, headers=headers)
    assert large.status_code == 413
    broken = await incident.http.post("/v1/reports", content=b"{", headers=headers)
    assert broken.status_code == 400


async def test_a_place_far_away_is_taken(incident: Stage) -> None:
    assert (await post(incident, "k-1", place={"point": {"longitude": 2.35, "latitude": 48.85}})).status_code == 201


async def test_a_field_that_is_not_ours_is_refused_by_its_name_and_nothing_is_stored(incident: Stage) -> None:
    """Whoever sends a photo or a contact under another name would think that we have it."""
    for changes, field in (
        ({"photo": "x"}, "body.photo"),
        ({"contcat": {"email": "wang@mail.example"}}, "body.contcat"),
        ({"contact": {"email": "wang@mail.example", "telephone": "1"}}, "body.contact.telephone"),
        ({"place": {"name": "儒林", "acuracy": 5}}, "body.place.acuracy"),
        ({"place": {"point": {"longitude": 119.2, "latitude": 36.4, "altitude": 3}}}, "body.place.point.altitude"),
    ):
        answer = await post(incident, "k-1", **changes)
        assert (answer.status_code, answer.json()["errors"]) == (
            422,
            [{"field": field, "wrong": "there is no such field here"}],
        )
    assert (await post(incident, "k-1")).status_code == 201


async def test_a_query_parameter_that_is_not_ours_is_refused_by_its_name(incident: Stage) -> None:
    answer = await incident.http.get("/v1/cases", params={"tenant": TENANT, "from": "hotline", "page": 2})
    assert (answer.status_code, [each["field"] for each in answer.json()["errors"]]) == (
        422,
        ["query.from", "query.page"],
    )
    assert (await incident.http.get("/v1/cases", params={"tenant": TENANT, "state": "reported"})).status_code == 200


async def test_swapped_degrees_are_said_to_be_swapped(incident: Stage) -> None:
    answer = await post(incident, "k-1", place={"point": {"longitude": 36.4, "latitude": 119.2}})
    assert answer.json()["errors"] == [
        {
            "field": "body.place.point.latitude",
            "wrong": "must be -90 to 90, and 119.2 looks like a longitude: are the two swapped?",
        }
    ]


async def test_what_turns_or_hides_words_does_not_come_in(incident: Stage) -> None:
    family = "👨\u200d👩\u200d👧"
    answer = await post(
        incident,
        "k-1",
        text=f"路灯\u202e不\x1b\x07亮\u2066\u200b\U000e0041{family}",
        place={"name": "儒林\u200f村", "point": {"longitude": 119.2, "latitude": 36.4}},
    )
    assert answer.status_code == 201
    async with incident.database() as db:
        row = await db.one(text("SELECT text, place_name FROM cases"))
    assert row is not None
    assert (row.text, row.place_name) == (f"路灯不亮{family}", "儒林村")
    assert (await post(incident, "k-2", text="\u202e\u200b")).status_code == 422


async def test_a_parameter_that_a_report_does_not_have_is_refused_by_its_name(incident: Stage) -> None:
    body = {"tenant": TENANT, "category": "11001", "text": "路灯不亮", "place": {"name": "大儒林"}}
    answer = await incident.http.post("/v1/reports?photo=x", json=body, headers={"Idempotency-Key": "k-1"})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "query.photo", "wrong": "there is no such field here"}]
    other = await incident.http.get("/v1/reports?photo=x", headers={"Accept-Language": "zh"})
    assert (other.status_code, other.headers["allow"]) == (405, "POST")
    assert (other.json()["title"], other.json()["detail"]) == ("不支持这种方法", "/v1/reports 可用的方法：POST")
    twice = await incident.http.get(f"/v1/cases?tenant={TENANT}&tenant=370784005&state=closed&state=void")
    assert twice.json()["errors"] == [{"field": "query.tenant", "wrong": "may be said once"}]
    nothing = await incident.http.get("/v1/report")
    assert (nothing.status_code, nothing.json()["detail"]) == (404, "there is nothing at /v1/report")


async def test_a_contact_is_sealed_to_notify_and_stored_nowhere_in_clear(incident: Stage) -> None:
    contact = {"email": "wang@mail.example", "phone": "13800000000", "language": "en"}
    answer = await post(incident, "k-1", text="路灯不亮", contact=contact)
    await incident.settled()
    async with incident.database() as db:
        tables = await db.rows(text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"))
        stored = ""
        for table in tables:
            rows = await db.rows(text(f'SELECT t::text AS line FROM "{table.table_name}" t'))
            stored += "\n".join(row.line for row in rows)
        bodies = await db.rows(text("SELECT convert_from(body, 'UTF8') AS body FROM outbox"))
    stored += "\n".join(row.body for row in bodies)
    assert answer.json()["case_no"] in stored
    assert "mail.example" not in stored
    assert "13800000000" not in stored
    [reported] = await incident.said(CaseReported)
    assert reported.sealed_contact is not None
    assert reported.reporter_id is not None
    assert sealing.Opener(KEYS[0]).open(reported.sealed_contact) == {
        **contact,
        "webhook_url": None,
        "tracking_code": answer.json()["tracking_code"],
    }


def wish(key: str, **changes: Any) -> ReportCase:
    report = ReportCase(
        id=new_id(),
        correlation_id=new_id(),
        tenant=TENANT,
        occurred_at=NOON,
        sender="hotline-12345",
        key=key,
        category="11001",
        text="来电反映路灯不亮",
        place=Place(point=Point(longitude=119.2, latitude=36.4)),
    )
    return report.model_copy(update=changes)


async def ask(stage: Stage, report: ReportCase) -> Receipt | Problem:
    nats = await stage.service.broker.connect()
    reply = json.loads((await nats.request(report.subject, report.model_dump_json().encode(), timeout=5)).data)
    return Receipt.model_validate(reply) if "case_no" in reply else Problem.model_validate(reply)


async def test_another_system_reports_over_nats_and_is_answered(incident: Stage) -> None:
    receipt = await ask(incident, wish("n-1"))
    assert isinstance(receipt, Receipt)
    assert await ask(incident, wish("n-1")) == receipt
    refused = await ask(incident, wish("n-1", text="别的事"))
    assert isinstance(refused, Problem)
    assert (refused.status, refused.title) == (422, "Key used for another report")
    unknown = await ask(incident, wish("n-2", category="99999"))
    assert isinstance(unknown, Problem)
    assert "GET /v1/categories" in unknown.detail
    assert (await incident.http.get(f"/v1/track/{receipt.tracking_code}")).status_code == 200


async def test_one_poisoned_report_does_not_hurt_the_others(incident: Stage) -> None:
    """Two reports cannot have one tracking code; nobody can bring that about from outside, so it stands for a bug."""
    codes = ["A" * 13, "B" * 13, "A" * 13, "C" * 13]
    commands = [TakeReport(wish(f"k-{n}"), code) for n, code in enumerate(codes)]
    answers = await asyncio.gather(*map(incident.service.commands.send, commands), return_exceptions=True)
    assert [isinstance(answer, Exception) for answer in answers] == [False, False, True, False]
    assert await case_count(incident) == 3
    assert len(await incident.said(CaseReported)) == 3


async def test_a_category_is_as_its_latest_change_says_in_whatever_order_changes_come(incident: Stage) -> None:
    newest, older = category("11003", name="新", minute=9), category("11003", name="旧", minute=5)
    await incident.hear(newest, older)
    await incident.hear(category("11003", name="最旧", minute=1), newest)
    listed = (await incident.http.get("/v1/categories", params={"tenant": TENANT})).json()
    assert [c["name_zh"] for c in listed if c["category"] == "11003"] == ["新"]
    assert [c["category"] for c in listed] == ["11001", "11002", "11003"]
