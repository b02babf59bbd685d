"""From a fact to a mailbox: the notify service on real NATS, PostgreSQL, SMTP and HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from libs import sealing
from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Batch
from libs.contracts.dispatch import EscalationCause, OrderClaimed, OrderEscalated
from libs.contracts.incident import CaseClosed, CaseFollowed, CaseMerged, CaseReported, CaseUnfollowed, CaseUnmerged
from libs.contracts.notify import NotificationDelivered, NotificationFailed, NotificationSuppressed
from libs.contracts.values import Level
from services.notify.deliveries.domain import DELAYS
from tests.support.notify import CODE, CONTACT, EMAIL, TENANT, changed, offered, registered, reported, sealed, states
from tests.support.providers import MailServer, Receiver, mail_server, receiver
from tests.support.stage import KEYS, NOON, PATIENCE_SECONDS, E, MakeStage, Stage, stamped


@pytest.fixture
async def mails() -> AsyncIterator[MailServer]:
    async with mail_server() as server:
        yield server


@pytest.fixture
async def calls() -> AsyncIterator[Receiver]:
    async with receiver() as server:
        yield server


async def sending(stage: MakeStage, mails: MailServer, timeout_seconds: float) -> Stage:
    return await stage(
        "notify",
        WANGGE_SMTP_URL=mails.url,
        WANGGE_PUBLIC_URL="https://street.example",
        WANGGE_WEBHOOK_ADDRESSES="loopback",
        WANGGE_PROVIDER_TIMEOUT_SECONDS=str(timeout_seconds),
        WANGGE_SEND_POLL_SECONDS="0.02",
    )


@pytest.fixture
async def notify(stage: MakeStage, mails: MailServer) -> Stage:
    return await sending(stage, mails, timeout_seconds=10)


async def attempted(notify: Stage, *, hurry: bool = False) -> None:
    """Wait until nothing is due or being sent; with `hurry` no delay between attempts is waited for."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        async with notify.database() as db:
            if hurry:
                await db.execute(text("UPDATE deliveries SET due_at = now() WHERE state = 'queued'"))
            [left] = await db.rows(
                text(
                    "SELECT count(*) FROM deliveries "
                    "WHERE state = 'sending' OR state = 'queued' AND (due_at <= now() OR :hurry)"
                ),
                {"hurry": hurry},
            )
        if left[0] == 0:
            return await notify.settled()
        assert time.monotonic() < deadline, f"{left[0]} deliveries are not through"
        await asyncio.sleep(0.02)


def claimed(report: CaseReported) -> OrderClaimed:
    return OrderClaimed(
        tenant=TENANT,
        occurred_at=NOON + timedelta(hours=1),
        case_id=report.case_id,
        order_id=new_id(),
        member_id="M0001",
        org_id="P4",
        category="11001",
        handle_by=NOON + timedelta(hours=20),
    )


def with_email(language: str = "zh") -> CaseReported:
    return reported(new_id(), sealed(email=EMAIL, language=language, tracking_code=CODE))


@pytest.mark.parametrize("over_the_bus", [False, True])
async def test_a_reporter_gets_a_mail_with_the_tracking_link_in_their_language(
    notify: Stage, mails: MailServer, over_the_bus: bool
) -> None:
    around = sealing.Sealer(KEYS[1]).seal_around(sealed(email=EMAIL, language="en"), CODE)
    report = reported(new_id(), around) if over_the_bus else with_email("en")
    await notify.hear(report, registered(report))
    await notify.hear(claimed(report))
    await attempted(notify)
    first, second = sorted(mails.mails, key=lambda m: str(m["Subject"]))
    assert str(first["Subject"]) == f"Somebody is on it ({report.case_no})"
    assert str(second["Subject"]) == f"Your report on 路灯不亮 is registered ({report.case_no})"
    for mail in mails.mails:
        assert f"https://street.example/v1/track/{CODE}" in mail.get_content()
    delivered = await notify.said(NotificationDelivered)
    assert {(d.case_id, d.correlation_id, d.channel) for d in delivered} == {(report.case_id, report.case_id, "email")}
    assert len(delivered) == 2


async def test_a_webhook_is_called_with_what_a_program_needs(notify: Stage, calls: Receiver) -> None:
    report = reported(new_id(), sealed(webhook_url=calls.url, tracking_code=CODE))
    await notify.hear(report, registered(report))
    await attempted(notify)
    [(delivery_id, body)] = calls.calls
    [delivered] = await notify.said(NotificationDelivered)
    assert delivery_id == body["delivery_id"] == str(delivered.delivery_id)
    assert (body["template"], body["case_no"]) == ("registered", report.case_no)
    assert body["link"].endswith(CODE)


async def test_a_receiver_in_trouble_gets_it_later_with_the_same_id(notify: Stage, calls: Receiver) -> None:
    # Twice the same: the second attempt may be made before the state is looked at.
    calls.statuses = [503, 503, 429]
    report = reported(new_id(), sealed(webhook_url=calls.url))
    await notify.hear(report, registered(report))
    await attempted(notify)
    assert await states(notify, f"reporter:{report.reporter_id}") == [("webhook", "queued", "HTTP 503")]
    assert await notify.said(NotificationDelivered) == []
    await attempted(notify, hurry=True)
    assert await states(notify, f"reporter:{report.reporter_id}") == [("webhook", "delivered", None)]
    assert len(calls.calls) == 4
    assert len({delivery_id for delivery_id, _ in calls.calls}) == 1
    assert len(await notify.said(NotificationDelivered)) == 1


async def test_a_provider_that_hangs_keeps_nobody_else_waiting(
    stage: MakeStage, mails: MailServer, calls: Receiver
) -> None:
    notify = await sending(stage, mails, timeout_seconds=1.5)
    calls.statuses = [0]
    slow, quick = reported(new_id(), sealed(webhook_url=calls.url)), with_email()
    await notify.hear(slow, quick, registered(slow), registered(quick))
    await attempted(notify)
    assert len(mails.mails) == 1
    [(_, state, reason)] = await states(notify, f"reporter:{slow.reporter_id}")
    assert (state, reason) == ("queued", "the webhook does not answer in time")
    await attempted(notify, hurry=True)
    assert len(await notify.said(NotificationDelivered)) == 2


async def test_an_unknown_mailbox_fails_at_once_and_the_reason_holds_no_address(
    notify: Stage, mails: MailServer
) -> None:
    mails.rcpt_replies = [f"550 <{EMAIL}> unknown"]
    report = with_email()
    await notify.hear(report, registered(report))
    await attempted(notify)
    [failed] = await notify.said(NotificationFailed)
    assert (failed.reason, failed.recipient_id) == ("SMTP 550", f"reporter:{report.reporter_id}")


async def test_a_provider_that_never_comes_back_ends_as_failed(notify: Stage, calls: Receiver) -> None:
    calls.statuses = [500] * 20
    report = reported(new_id(), sealed(webhook_url=calls.url))
    await notify.hear(report, registered(report))
    await attempted(notify, hurry=True)
    [failed] = await notify.said(NotificationFailed)
    assert failed.reason == f"HTTP 500, after {len(DELAYS) + 1} attempts"
    assert len(calls.calls) == len(DELAYS) + 1


async def test_a_webhook_into_a_private_network_fails_at_once(notify: Stage) -> None:
    report = reported(new_id(), sealed(webhook_url="https://192.168.0.1/hook"))
    await notify.hear(report, registered(report))
    await attempted(notify)
    [failed] = await notify.said(NotificationFailed)
    assert failed.reason == "the webhook leads to an address that is not allowed"


async def test_the_same_fact_twice_is_told_once(notify: Stage, mails: MailServer) -> None:
    report = with_email().stamped(new_id(), new_id())
    case = registered(report).stamped(new_id(), report.case_id)
    await notify.hear(report, report, case, case)
    await notify.hear(case, report)
    await attempted(notify)
    assert len(mails.mails) == 1
    async with notify.database() as db:
        assert len(await db.rows(text("SELECT 1 FROM deliveries"))) == 1


async def test_a_claim_that_comes_before_the_report_waits_for_it(notify: Stage, mails: MailServer) -> None:
    report = with_email()
    await notify.hear(claimed(report), registered(report))
    assert [parked for _, parked in await notify.kept()] == [False, False]
    await notify.hear(report)
    while await notify.kept():
        await notify.retry_now()
    await attempted(notify)
    assert len(mails.mails) == 2


async def test_what_waits_for_somebody_who_is_erased_is_suppressed(notify: Stage, mails: MailServer) -> None:
    mails.data_replies = ["451 later"]
    report = with_email()
    await notify.hear(report, registered(report))
    await attempted(notify)
    await notify.http.delete(f"/v1/recipients/reporter:{report.reporter_id}", params={"tenant": TENANT})
    await attempted(notify, hurry=True)
    [said] = await notify.said(NotificationSuppressed)
    assert said.reason == "the recipient was erased"
    assert mails.mails == []


async def test_a_delivery_whose_sender_died_is_sent_again_with_the_same_message_id(
    notify: Stage, mails: MailServer
) -> None:
    report = with_email()
    await notify.hear(report, registered(report))
    await attempted(notify)
    async with notify.database() as db:
        await db.execute(
            text("UPDATE deliveries SET state = 'sending', ended_at = NULL, due_at = now() - interval '1 s'")
        )
    await attempted(notify)
    first, second = mails.mails
    assert first["Message-ID"] == second["Message-ID"]


async def test_a_failure_midway_leaves_nothing_and_the_rest_goes_on(notify: Stage) -> None:
    """PostgreSQL refuses one notice of a batch, at its last statement."""
    async with notify.database() as db:
        await db.execute(text("ALTER TABLE deliveries ADD CHECK (recipient_id <> 'member:POISON')"))
    await notify.hear(offered("M0001"), offered("POISON", "M0002"), offered("M0003"))
    [(reason, parked)] = await notify.kept()
    assert "deliveries" in reason
    assert not parked
    async with notify.database() as db:
        assert len(await db.rows(text("SELECT 1 FROM notices"))) == 2
    assert await states(notify, "member:M0002") == []


async def test_a_field_that_is_unknown_here_does_no_harm(notify: Stage) -> None:
    class OrderOfferedLater(type(offered())):  # type: ignore[misc]
        mood: str

    fact = OrderOfferedLater(**offered().model_dump(), mood="new")
    await notify.hear(fact)
    assert await states(notify, "member:M0001") == [("in_app", "delivered", None)]


async def test_members_read_their_inbox(notify: Stage, mails: MailServer) -> None:
    await notify.hear(changed(sealed(email=EMAIL, language="en")), offered("M0001", "M0002"), offered("M0001"))
    await attempted(notify)
    assert len(mails.mails) == 2
    url, tenant = "/v1/recipients/member:M0001/inbox", {"tenant": TENANT}
    messages: list[dict[str, Any]] = (await notify.http.get(url, params=tenant)).json()
    assert [m["template"] for m in messages] == ["offered", "offered"]
    assert messages[0]["subject"] == "An order to claim: 路灯不亮 (儒林一微)"
    assert "2026-11-23 16:00" in messages[0]["text"]

    one = messages[0]["delivery_id"]
    read = await notify.http.post(f"{url}/{one}/read", params=tenant)
    again = await notify.http.post(f"{url}/{one}/read", params=tenant)
    assert read.json() == again.json()
    others = await notify.http.post(f"/v1/recipients/member:M0002/inbox/{one}/read", params=tenant)
    assert others.status_code == 404
    [newest] = (await notify.http.get(url, params={**tenant, "limit": 1})).json()
    assert newest["read_at"] is not None


async def test_both_organisations_find_an_escalation_in_their_inbox(notify: Stage) -> None:
    report = with_email()
    escalated = OrderEscalated(
        tenant=TENANT,
        occurred_at=NOON,
        case_id=report.case_id,
        order_id=new_id(),
        cause=EscalationCause.OVERDUE,
        from_unit="370784004201",
        from_org="P3",
        to_unit="37078400401",
        to_org="P2",
        to_level=Level.COMMUNITY,
    )
    await notify.hear(report, escalated)
    for org in ("org:P3", "org:P2"):
        [message] = (await notify.http.get(f"/v1/recipients/{org}/inbox", params={"tenant": TENANT})).json()
        assert message["subject"] == f"工单升级：案件 {report.case_no}（超期）"
        assert "升级到社区" in message["text"]
        assert message["link"] is None


async def test_counts_and_waiting_times_are_told_by_street(notify: Stage) -> None:
    await notify.hear(changed(None))
    nobody = (await notify.http.get("/v1/deliveries/latency", params={"tenant": TENANT})).json()
    assert (nobody["cases"], nobody["queued_p50_seconds"]) == (0, None)
    report = reported(new_id(), sealed(**{**CONTACT, "webhook_url": None}), at=notify.service.clock.now())
    await notify.hear(report, registered(report), offered("M0001"))
    await attempted(notify)
    tenant = {"tenant": TENANT}
    counts = (await notify.http.get("/v1/deliveries/counts", params=tenant)).json()
    assert counts == {"in_app": {"delivered": 1}, "email": {"delivered": 1}}
    latency = (await notify.http.get("/v1/deliveries/latency", params=tenant)).json()
    assert latency["cases"] == 1
    assert 0 <= latency["queued_p50_seconds"] <= latency["attempted_p99_seconds"]


async def test_what_is_queued_is_sent_at_once_and_not_at_the_next_poll(stage: MakeStage, mails: MailServer) -> None:
    notify = await stage("notify", WANGGE_SMTP_URL=mails.url, WANGGE_SEND_POLL_SECONDS="3600")
    report = with_email()
    await notify.hear(report, registered(report))
    await attempted(notify)
    assert len(mails.mails) == 1


async def test_a_process_that_does_not_send_leaves_what_it_queues_to_others(
    stage: MakeStage, mails: MailServer
) -> None:
    notify = await stage("notify", WANGGE_SMTP_URL=mails.url, WANGGE_SEND_POLL_SECONDS="0.02", WANGGE_SENDING="false")
    report = with_email()
    await notify.hear(report, registered(report))
    await asyncio.sleep(0.3)
    assert mails.mails == []
    assert await states(notify, f"reporter:{report.reporter_id}") == [("email", "queued", None)]


def followed(case: CaseReported, follower_id: UUID, code: str) -> CaseFollowed:
    return CaseFollowed(
        tenant=TENANT,
        occurred_at=NOON,
        case_id=case.case_id,
        case_no=case.case_no,
        category_name="路灯不亮",
        follower_id=follower_id,
        followers=1,
        sealed_contact=sealed(email=f"{code[0]}@mail.example", language="en", tracking_code=code),
    )


async def test_who_follows_a_case_hears_what_its_reporter_hears_also_after_it_was_merged(
    notify: Stage, mails: MailServer
) -> None:
    case, survivor = with_email("en"), reported(new_id(), None)
    follower, code = new_id(), "7" + CODE[1:]
    # Who reported it may be heard of later.
    await notify.hear(followed(case, follower, code))
    await notify.hear(case, survivor)
    await notify.retry_now()
    await notify.hear(claimed(case))
    await attempted(notify)
    told = {(str(m["To"]), str(m["Subject"]).partition(" (")[0]): m.get_content() for m in mails.mails}
    assert set(told) == {
        ("7@mail.example", "You follow 路灯不亮"),
        ("7@mail.example", "Somebody is on it"),
        (EMAIL, "Somebody is on it"),
    }
    assert all(f"/v1/track/{code}" in said for (to, _), said in told.items() if to == "7@mail.example")
    into = {"into_case_id": survivor.case_id, "into_case_no": survivor.case_no}
    await notify.hear(
        CaseMerged(
            tenant=TENANT, occurred_at=NOON + timedelta(minutes=1), case_id=case.case_id, case_no=case.case_no, **into
        )
    )
    late, late_code = new_id(), "8" + CODE[1:]
    await notify.hear(followed(case, late, late_code))
    await attempted(notify)
    mails.mails.clear()
    await notify.hear(claimed(survivor))
    await attempted(notify)
    assert {str(m["To"]) for m in mails.mails} == {EMAIL, "7@mail.example", "8@mail.example"}
    gone = CaseUnfollowed(
        tenant=TENANT,
        occurred_at=NOON + timedelta(minutes=2),
        case_id=case.case_id,
        case_no=case.case_no,
        follower_id=follower,
        followers=1,
    )
    apart = CaseUnmerged(
        **registered(case).model_dump(exclude={"id", "correlation_id", "occurred_at"}),
        occurred_at=NOON + timedelta(minutes=9),
        from_case_id=survivor.case_id,
        from_case_no=survivor.case_no,
    )
    await notify.hear(gone, apart)
    await attempted(notify)
    mails.mails.clear()
    await notify.hear(claimed(survivor), claimed(case))
    await attempted(notify)
    assert {str(m["To"]) for m in mails.mails} == {EMAIL, "8@mail.example"}


async def test_everybody_who_reported_the_same_matter_is_told_with_their_own_link(
    notify: Stage, mails: MailServer
) -> None:
    survivor = with_email("en")
    other_code = "9" + CODE[1:]
    merged = reported(new_id(), sealed(email="second@mail.example", language="en", tracking_code=other_code))
    joined = CaseMerged(
        tenant=TENANT,
        occurred_at=NOON + timedelta(minutes=1),
        case_id=merged.case_id,
        case_no=merged.case_no,
        into_case_id=survivor.case_id,
        into_case_no=survivor.case_no,
    )
    await notify.hear(joined, survivor, merged)
    await notify.retry_now()
    await notify.hear(claimed(survivor))
    await attempted(notify)
    told = {(str(m["To"]), str(m["Subject"]).partition(" (")[0]): m.get_content() for m in mails.mails}
    assert set(told) == {
        ("second@mail.example", "Your report goes on together with another"),
        ("second@mail.example", "Somebody is on it"),
        (EMAIL, "Somebody is on it"),
    }
    assert f"/v1/track/{other_code}" in told["second@mail.example", "Somebody is on it"]
    assert f"/v1/track/{CODE}" in told[EMAIL, "Somebody is on it"]
    apart = CaseUnmerged(
        **registered(merged).model_dump(exclude={"id", "correlation_id", "occurred_at"}),
        occurred_at=NOON + timedelta(minutes=9),
        from_case_id=survivor.case_id,
        from_case_no=survivor.case_no,
    )
    await notify.hear(apart)
    mails.mails.clear()
    await notify.hear(claimed(survivor))
    await attempted(notify)
    assert "second@mail.example" not in {str(m["To"]) for m in mails.mails if "Somebody" in str(m["Subject"])}


async def told_after(event: E) -> E:
    """As a later transaction of its producer records it: ids of one millisecond have no order."""
    await asyncio.sleep(0.002)
    return stamped(event)


async def merged_into(survivor: CaseReported, case: CaseReported) -> CaseMerged:
    return await told_after(
        CaseMerged(
            tenant=TENANT,
            occurred_at=NOON + timedelta(minutes=1),
            case_id=case.case_id,
            case_no=case.case_no,
            into_case_id=survivor.case_id,
            into_case_no=survivor.case_no,
        )
    )


async def closed(case: CaseReported) -> CaseClosed:
    """By a check from before the other case was merged into it: facts of two services."""
    return await told_after(
        CaseClosed(
            tenant=TENANT,
            occurred_at=NOON,
            case_id=case.case_id,
            case_no=case.case_no,
            order_id=new_id(),
            result="亮了",
        )
    )


async def told_of(notify: Stage, fact: CaseClosed) -> list[str]:
    async with notify.database() as db:
        rows = await db.rows(
            text("SELECT recipient_id FROM deliveries WHERE event_id = :id ORDER BY 1"), {"id": fact.id}
        )
    return [row.recipient_id for row in rows]


@pytest.mark.parametrize("survivor_has_a_reporter", [True, False])
@pytest.mark.parametrize("turned_round", [False, True])
async def test_whose_case_was_merged_hears_once_how_the_other_ended_in_whichever_order_it_is_heard(
    notify: Stage, mails: MailServer, turned_round: bool, survivor_has_a_reporter: bool
) -> None:
    survivor = with_email("en") if survivor_has_a_reporter else reported(None, None)
    case = reported(new_id(), sealed(email="second@mail.example", language="en", tracking_code="9" + CODE[1:]))
    follower, silent = new_id(), reported(new_id(), None)
    await notify.hear(survivor, case, silent, followed(case, follower, "8" + CODE[1:]))
    before = await closed(survivor)
    joined, also = await merged_into(survivor, case), await merged_into(survivor, silent)
    ended = await closed(survivor)
    await notify.hear(before)
    for fact in (ended, joined, also) if turned_round else (joined, also, ended):
        await notify.hear(fact)
    await notify.hear(ended, joined, also)
    of_survivor = {f"reporter:{survivor.reporter_id}"} if survivor_has_a_reporter else set()
    others = {f"reporter:{who}" for who in (case.reporter_id, follower, silent.reporter_id)}
    assert await told_of(notify, before) == sorted(of_survivor)
    assert await told_of(notify, ended) == sorted(of_survivor | others)
    await attempted(notify)
    told = [
        mail.get_content()
        for mail in mails.mails
        if str(mail["To"]) == "second@mail.example" and "亮了" in mail.get_content()
    ]
    assert ["/v1/track/9" + CODE[1:] in said for said in told] == [True]
    suppressed = [said.recipient_id for said in await notify.said(NotificationSuppressed) if said.cause_id == ended.id]
    assert suppressed == [f"reporter:{silent.reporter_id}"]


@pytest.mark.parametrize("first", ["closed", "merged"])
async def test_an_end_and_a_merging_that_are_heard_at_once_by_two_are_told(notify: Stage, first: str) -> None:
    """A replica has done with one fact and not committed yet when another takes the other fact."""
    survivor, case = with_email("en"), reported(new_id(), sealed(email="second@mail.example", language="en"))
    await notify.hear(survivor, case)
    joined, ended = await merged_into(survivor, case), await closed(survivor)
    one, other = (ended, joined) if first == "closed" else (joined, ended)
    async with notify.database() as db:
        batch = Batch([one], NOON, notify.service.settings)
        await notify.service.router.events[type(one)](batch, db)
        await notify.publish(other)
        await asyncio.sleep(0.5)
    await notify.settled()
    assert await told_of(notify, ended) == sorted(f"reporter:{each.reporter_id}" for each in (survivor, case))


@pytest.mark.parametrize("turned_round", [False, True])
async def test_who_follows_a_case_that_is_taken_out_again_hears_of_it_in_whichever_order(
    notify: Stage, mails: MailServer, turned_round: bool
) -> None:
    survivor, case, follower = with_email("en"), reported(new_id(), sealed(email="second@mail.example")), new_id()
    await notify.hear(survivor, case)
    await notify.hear(await told_after(followed(case, follower, "7" + CODE[1:])))
    await notify.hear(await merged_into(survivor, case))
    about = registered(case).model_dump(exclude={"id", "correlation_id", "occurred_at"})
    taken_out = CaseUnmerged(
        **about,
        occurred_at=NOON + timedelta(minutes=9),
        from_case_id=survivor.case_id,
        from_case_no=survivor.case_no,
    )
    parted, ended = await told_after(taken_out), await closed(case)
    for fact in (ended, parted) if turned_round else (parted, ended):
        await notify.hear(fact)
    assert await told_of(notify, ended) == sorted(f"reporter:{who}" for who in (case.reporter_id, follower))


async def test_who_follows_is_told_what_was_heard_before_that_and_who_left_is_not(
    notify: Stage, mails: MailServer
) -> None:
    case, stays, leaves = with_email("en"), new_id(), new_id()
    early = await closed(case)
    begins = [await told_after(followed(case, who, "7" + CODE[1:])) for who in (stays, leaves)]
    gone = CaseUnfollowed(
        tenant=TENANT, occurred_at=NOON, case_id=case.case_id, case_no=case.case_no, follower_id=leaves, followers=1
    )
    ended = await closed(case)
    await notify.hear(case, early, gone)
    await notify.hear(begins[1])
    await notify.retry_now()
    await notify.hear(ended)
    await notify.hear(begins[0])
    assert await told_of(notify, early) == [f"reporter:{case.reporter_id}"]
    assert await told_of(notify, ended) == sorted([f"reporter:{case.reporter_id}", f"reporter:{stays}"])
