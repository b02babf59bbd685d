"""Contacts, wishes and erasure in the notify service, on real NATS and PostgreSQL."""

from __future__ import annotations

from base64 import b64encode
from datetime import timedelta

import pytest
from sqlalchemy import text

from libs import sealing
from libs.chassis.db.ids import new_id
from libs.contracts.notify import NotificationSuppressed
from libs.contracts.values import SealedContact
from tests.support.notify import (
    CODE,
    CONTACT,
    EMAIL,
    HOOK,
    PHONE,
    TENANT,
    changed,
    offered,
    registered,
    reported,
    sealed,
    states,
)
from tests.support.stage import KEYS, NOON, MakeStage, Stage


@pytest.fixture
async def notify(stage: MakeStage) -> Stage:
    """Without a mail server: what is queued stays queued."""
    return await stage("notify", WANGGE_SMTP_URL="smtp://127.0.0.1:1", WANGGE_SEND_POLL_SECONDS="0.02")


async def everything(notify: Stage) -> str:
    """Every table of the database as text, with binary columns also as the text that they would be."""
    async with notify.database() as db:
        names = await db.rows(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        rows = [str(await db.rows(text(f'SELECT * FROM "{name}"'))) for (name,) in names]
    return "\n".join(rows)


async def languages(notify: Stage) -> list[str]:
    async with notify.database() as db:
        return [r.language for r in await db.rows(text("SELECT language FROM contacts"))]


async def test_no_address_and_no_tracking_code_is_in_clear_anywhere(notify: Stage) -> None:
    report = reported(new_id(), sealed(**CONTACT))
    await notify.hear(report, registered(report), changed(sealed(email=EMAIL, webhook_url=HOOK)))
    kept = await everything(notify)
    assert report.case_no in kept
    for secret in (EMAIL, PHONE, CODE, HOOK, "zhang"):
        assert secret not in kept
        assert secret.encode().hex() not in kept


async def test_a_reporter_with_addresses_is_told_over_each(notify: Stage) -> None:
    report = reported(new_id(), sealed(**CONTACT))
    await notify.hear(report, registered(report))
    told = await states(notify, f"reporter:{report.reporter_id}")
    assert [channel for channel, _, _ in told] == ["email", "webhook"]


async def test_a_report_without_a_contact_tells_nobody_and_nothing_waits(notify: Stage) -> None:
    report = reported(None, None)
    await notify.hear(report, registered(report))
    assert await notify.kept() == []
    assert await notify.said(NotificationSuppressed) == []


async def test_a_box_that_does_not_open_leaves_the_reporter_without_an_address(notify: Stage) -> None:
    other = sealing.Sealer(sealing.new_key_pair()[1]).seal(CONTACT)
    broken = SealedContact(key_id=sealed(a=1).key_id, box="bm8gYm94")
    deep = sealing.Sealer(KEYS[1])._box.encrypt(b"[" * 2500)
    nested = SealedContact(key_id=broken.key_id, box=b64encode(deep).decode())
    a_list = SealedContact(key_id=broken.key_id, box=sealing.Sealer(KEYS[1]).seal([]).box)  # type: ignore[arg-type]
    reports = [reported(new_id(), box) for box in (other, broken, nested, a_list)]
    await notify.hear(*reports, *(registered(r) for r in reports))
    assert await notify.kept() == []
    suppressed = await notify.said(NotificationSuppressed)
    assert {s.reason for s in suppressed} == {"no address"}
    assert {s.case_id for s in suppressed} == {r.case_id for r in reports}


@pytest.mark.parametrize("newest_first", [False, True])
async def test_the_contact_that_was_given_last_stays_in_whichever_order_they_come(
    notify: Stage, newest_first: bool
) -> None:
    facts = [changed(sealed(email=EMAIL, language="zh")), changed(sealed(language="en"), NOON + timedelta(hours=1))]
    for fact in reversed(facts) if newest_first else facts:
        await notify.hear(fact)
    await notify.hear(changed(None, NOON + timedelta(hours=2)))
    assert await languages(notify) == ["en"]
    await notify.hear(offered())
    assert await states(notify, "member:M0001") == [("in_app", "delivered", None)]


async def test_several_contacts_of_one_person_in_one_batch_keep_the_last(notify: Stage) -> None:
    await notify.hear(
        changed(sealed(language="en"), NOON + timedelta(hours=1)),
        *(changed(sealed(email=EMAIL, language="zh"), NOON + timedelta(seconds=n)) for n in range(50)),
    )
    assert await languages(notify) == ["en"]


async def test_who_is_erased_is_told_nothing_more_and_cannot_be_read(notify: Stage) -> None:
    report = reported(new_id(), sealed(**CONTACT))
    await notify.hear(report, registered(report))
    who = f"reporter:{report.reporter_id}"
    async with notify.database() as db:
        await db.execute(text("UPDATE deliveries SET due_at = now() + interval '1 day' WHERE due_at IS NOT NULL"))

    erased = await notify.http.delete(f"/v1/recipients/{who}", params={"tenant": TENANT})
    assert erased.status_code == 204

    await notify.hear(registered(report))
    assert ("email", "suppressed", "the recipient was erased") in await states(notify, who)
    async with notify.database() as db:
        assert await db.rows(text("SELECT 1 FROM contacts")) == []
        assert await db.rows(text("SELECT 1 FROM person_keys WHERE key IS NOT NULL")) == []


async def test_a_contact_from_before_the_erasure_that_comes_late_is_not_kept(notify: Stage) -> None:
    await notify.http.delete("/v1/recipients/member:M0001", params={"tenant": TENANT})
    now = notify.service.clock.now()
    await notify.hear(changed(sealed(email=EMAIL), now - timedelta(days=1)))
    assert await languages(notify) == []
    await notify.hear(changed(sealed(email=EMAIL), now + timedelta(days=1)))
    assert await languages(notify) == ["zh"]


async def test_preferences_hold_until_they_are_taken_back(notify: Stage) -> None:
    url, tenant = "/v1/recipients/member:M0001/preferences", {"tenant": TENANT}
    usual = {"in_app": True, "email": True, "webhook": False, "language": "zh"}
    await notify.hear(changed(sealed(email=EMAIL)))
    assert (await notify.http.get(url, params=tenant)).json() == usual
    assert (await notify.http.put(url, params=tenant, json={"email": False, "language": "en"})).status_code == 204
    assert (await notify.http.get(url, params=tenant)).json() == {**usual, "email": False, "language": "en"}

    await notify.hear(offered())
    assert await states(notify, "member:M0001") == [("in_app", "delivered", None)]

    await notify.http.put(url, params=tenant, json={})
    assert (await notify.http.get(url, params=tenant)).json() == usual


async def test_who_wants_nothing_is_told_nothing_and_the_fact_says_so(notify: Stage) -> None:
    off = {"in_app": False, "email": False}
    await notify.hear(changed(sealed(email=EMAIL)))
    await notify.http.put("/v1/recipients/member:M0001/preferences", params={"tenant": TENANT}, json=off)
    offer = offered().stamped(new_id(), new_id())
    await notify.hear(offer)
    assert await states(notify, "member:M0001") == [("in_app", "suppressed", "not wanted by the recipient")]
    [said] = await notify.said(NotificationSuppressed)
    assert (said.cause_id, said.case_id, said.correlation_id) == (offer.id, offer.case_id, offer.correlation_id)


async def test_an_unknown_kind_of_recipient_is_refused(notify: Stage) -> None:
    answer = await notify.http.get("/v1/recipients/resident:1/preferences", params={"tenant": TENANT})
    assert answer.status_code == 422
