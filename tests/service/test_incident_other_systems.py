"""Another system reports over NATS: what it is answered, and what becomes of a contact that it brings."""

from __future__ import annotations

import json
from typing import Any

import nacl.public
import pytest
from nats.aio.msg import Msg

from libs import sealing
from libs.chassis.db.ids import new_id
from libs.contracts.incident import CaseReported
from libs.sealing import MOST_IN_A_BOX, Opener, Sealer
from services.notify.recipients import vault
from tests.support.incident import TENANT
from tests.support.stage import KEYS, Stage

SUBJECT = f"wangge.{TENANT}.incident.report.v1"


def body(**changes: Any) -> dict[str, Any]:
    return {
        "id": str(new_id()),
        "tenant": TENANT,
        "occurred_at": "2026-11-23T04:00:00Z",
        "sender": "hotline-12345",
        "key": str(new_id()),
        "category": "11001",
        "text": "来电反映路灯不亮",
        "place": {"name": "儒林"},
        **changes,
    }


async def ask(stage: Stage, **changes: Any) -> Msg:
    connection = await stage.service.broker.connect()
    return await connection.request(SUBJECT, json.dumps(body(**changes)).encode(), timeout=5)


async def refused(stage: Stage, **changes: Any) -> str:
    answer = await ask(stage, **changes)
    problem = json.loads(answer.data)
    assert (problem["status"], (answer.headers or {}).get("content-type")) == (422, "application/json"), problem
    detail: str = problem["detail"]
    return detail


async def test_every_reply_says_that_it_is_json(incident: Stage) -> None:
    answer = await ask(incident)
    assert set(json.loads(answer.data)) == {"case_id", "case_no", "tracking_code"}
    assert (answer.headers or {})["content-type"] == "application/json"


@pytest.mark.parametrize(
    "clear", [{"contact": {"email": "wang@mail.example"}}, {"phone": "13800000000"}, {"email": "wang@mail.example"}]
)
async def test_a_contact_in_clear_is_refused_and_the_sealed_field_named(incident: Stage, clear: dict[str, Any]) -> None:
    detail = await refused(incident, **clear)
    assert next(iter(clear)) in detail
    assert "sealed_contact" in detail
    assert "mail.example" not in detail
    assert await incident.said(CaseReported) == []


async def test_a_box_that_notify_could_never_open_is_refused(incident: Stage) -> None:
    fitting = Sealer(KEYS[1]).seal({"email": "wang@mail.example"}).model_dump()
    for sealed, said in (
        (Sealer(sealing.new_key_pair()[1]).seal({"email": "wang@mail.example"}).model_dump(), "GET /v1/contact-key"),
        ({**fitting, "box": "wang@mail.example"}, "sealed box in base64"),
        ({**fitting, "box": "AAAA"}, "sealed box in base64"),
        ({**fitting, "box": "A" * (MOST_IN_A_BOX + 4)}, f"{MOST_IN_A_BOX} characters"),
    ):
        assert said in await refused(incident, sealed_contact=sealed)
    assert await incident.said(CaseReported) == []
    assert (await ask(incident, sealed_contact=fitting)).data.count(b"tracking_code") == 1


async def test_every_field_that_does_not_fit_is_named(incident: Stage) -> None:
    wrong = {"tenant": "3707", "sender": "a b", "key": "", "category": "1", "text": "", "place": {}, "documents": "x"}
    detail = await refused(incident, **wrong)
    assert [name for name in wrong if f"{name}: " not in detail] == []
    many = await refused(incident, documents=[""] * 20, text="", key="", category="")
    assert many.count("documents.") == 20
    assert "and 50 more" in await refused(incident, documents=[""] * 150)


async def test_the_largest_contact_that_http_takes_fits_into_the_box_of_another_system(incident: Stage) -> None:
    contact = {"email": f"{'w' * 240}@mail.example", "phone": "+" + "1" * 31, "webhook_url": "https://" + "x" * 992}
    sealed = Sealer(KEYS[1]).seal({**contact, "language": "zh"})
    assert len(sealed.box) < MOST_IN_A_BOX
    assert b"tracking_code" in (await ask(incident, sealed_contact=sealed.model_dump())).data


async def test_notify_reads_the_contact_with_the_tracking_code_of_the_receipt(
    incident: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sealed by hand, as docs/integrators.md says, with the key that the service names."""
    key = (await incident.http.get("/v1/contact-key")).json()
    box = nacl.public.SealedBox(nacl.public.PublicKey(key["public_key"].encode(), nacl.encoding.Base64Encoder))
    closed = box.encrypt(b'{"email": "wang@mail.example", "language": "en"}', nacl.encoding.Base64Encoder).decode()
    receipt = json.loads((await ask(incident, sealed_contact={"key_id": key["key_id"], "box": closed})).data)
    [reported] = await incident.said(CaseReported)
    assert reported.sealed_contact is not None
    assert reported.reporter_id is not None
    assert receipt["tracking_code"] not in reported.model_dump_json()
    monkeypatch.setattr(vault, "_opener", lambda: Opener(KEYS[0]))
    read = vault.open_contact(reported.sealed_contact)
    assert read is not None
    assert (read.to_keep["email"], read.language, read.tracking_code) == (
        "wang@mail.example",
        "en",
        receipt["tracking_code"],
    )


def test_what_is_no_box_within_the_box_is_nobodys_contact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault, "_opener", lambda: Opener(KEYS[0]))
    for inner in ("x", {"key_id": "k"}, {"key_id": "k", "box": "AAAA"}):
        assert vault.open_contact(Sealer(KEYS[1]).seal({"sealed_contact": inner, "tracking_code": "A" * 13})) is None


def test_a_sealer_knows_the_keys_before_and_seals_with_the_newest() -> None:
    newest, before = sealing.new_key_pair(), sealing.new_key_pair()
    sealer = Sealer(f"{newest[1]},{before[1]}")
    assert Opener(newest[0]).open(sealer.seal({"language": "zh"})) == {"language": "zh"}
    assert {Sealer(newest[1]).key_id, Sealer(before[1]).key_id} == sealer.known


@pytest.mark.parametrize(
    ("contact", "told"),
    [
        ({"phone": "13800000000"}, "目前不发短信"),
        ({"phone": "13800000000", "language": "en"}, "No text messages"),
        ({"phone": "13800000000", "email": "wang@mail.example"}, None),
        (None, None),
    ],
)
async def test_who_leaves_a_phone_number_only_is_told_that_nobody_hears_by_it(
    incident: Stage, contact: dict[str, str] | None, told: str | None
) -> None:
    report = {"tenant": TENANT, "category": "11001", "text": "路灯不亮", "place": {"name": "儒林"}}
    given = {**report, "contact": contact} if contact else report
    for _ in range(2):
        answer = await incident.http.post("/v1/reports", json=given, headers={"Idempotency-Key": "k-1"})
        assert answer.status_code == 201
        assert ("note" in answer.json()) is (told is not None)
        assert (told or "") in answer.json().get("note", "")
    if contact:
        followed = {"tenant": TENANT, "case_no": answer.json()["case_no"], "contact": contact}
        answer = await incident.http.post("/v1/follow", json=followed, headers={"Idempotency-Key": "k-2"})
        assert (answer.status_code, "note" in answer.json()) == (201, told is not None)
