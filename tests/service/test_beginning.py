"""Who begins to listen late: the present state and the facts after it, without a gap and without a double."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest
from nats.js.api import ConsumerConfig, DeliverPolicy
from sqlalchemy import text

from libs.chassis.messaging import relay
from libs.chassis.messaging.relay import Relay
from libs.contracts import cloudevents
from libs.contracts.incident import CaseRegistered, CaseReported, CaseVoided
from libs.contracts.message import Event
from libs.contracts.streams import facts_of
from tests.support.incident import TENANT, Orders, decide, report
from tests.support.stage import Stage


@dataclass(frozen=True)
class Beginning:
    """What the answer says: where facts go on, which are in it already, and the cases by their numbers."""

    after_sequence: int
    already: frozenset[str]
    cases: dict[str, dict[str, Any]]


async def begin(stage: Stage, **asked: str) -> Beginning:
    answer = await stage.http.get("/v1/cases.jsonl", params={"tenant": TENANT, **asked})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/jsonl")
    where, *cases, end = [json.loads(line) for line in answer.text.splitlines()]
    assert (where["stream"], end) == ("INCIDENT", {"rows": len(cases)})
    return Beginning(where["after_sequence"], frozenset(where["already"]), {case["case_no"]: case for case in cases})


async def facts_after(stage: Stage, sequence: int) -> list[Event]:
    """What a consumer is given that begins there, each once."""
    js = (await stage.service.broker.connect()).jetstream()
    config = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=sequence + 1)
    consumer = await js.pull_subscribe("", stream="INCIDENT", config=config)
    left = (await consumer.consumer_info()).num_pending
    found: list[Event] = []
    while len(found) < (left or 0):
        for message in await consumer.fetch(100, timeout=5):
            read = cloudevents.decode(message.subject, message.headers or {}, message.data)
            assert isinstance(read, Event)
            found.append(read)
    return found


def newer(beginning: Beginning, facts: list[Event]) -> list[Event]:
    return [fact for fact in facts if str(fact.id) not in beginning.already]


STATE_AFTER = {CaseReported: "reported", CaseRegistered: "registered", CaseVoided: "void"}


def apply(states: dict[str, str], fact: Event) -> None:
    """What a listener does. Each fact of a case that is only reported and voided leads on by one step, so that one that
    comes twice or is missing does not fit."""
    case_no, before = getattr(fact, "case_no", ""), {"registered": "reported", "void": "registered"}
    after = STATE_AFTER[type(fact)]
    assert states.get(case_no) == before.get(after), f"{after} does not follow for {case_no}"
    states[case_no] = after


async def test_facts_that_are_committed_and_not_published_yet_are_named(
    incident: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = Relay._publish
    go_on = asyncio.Event()

    async def held(self: Relay, rows: Any) -> dict[int, int]:
        await go_on.wait()
        return await published(self, rows)

    monkeypatch.setattr(Relay, "_publish", held)
    case = await report(incident)
    beginning = await begin(incident)
    assert [c["state"] for c in beginning.cases.values()] == ["registered"]
    waiting = {str(fact.id) for kind in (CaseReported, CaseRegistered) for fact in await incident.said(kind)}
    assert beginning.already == waiting
    go_on.set()
    await incident.settled()
    facts = await facts_after(incident, beginning.after_sequence)
    assert {str(fact.id) for fact in facts} == waiting
    assert newer(beginning, facts) == []
    await decide(incident, case, "void", reason="mistaken")
    await incident.settled()
    [voided] = newer(beginning, await facts_after(incident, beginning.after_sequence))
    assert isinstance(voided, CaseVoided)


async def test_begun_at_any_moment_while_reports_run_nothing_is_missed_and_nothing_is_double(
    incident: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "MAX_SINGLE_PUBLISHES", 1)
    done = asyncio.Event()

    async def one_after_the_other() -> None:
        for n in range(12):
            case = await report(incident)
            if n % 2:
                assert (await decide(incident, case, "void", reason="mistaken")).status_code == 200

    async def keep_beginning() -> list[Beginning]:
        found = []
        while not done.is_set():
            found.append(await begin(incident))
        return found

    beginners = [asyncio.create_task(keep_beginning()) for _ in range(2)]
    await asyncio.gather(*(one_after_the_other() for _ in range(6)))
    done.set()
    beginnings = [each for found in beginners for each in await found]
    await incident.settled()
    async with incident.database() as db:
        truth = {row.case_no: row.state for row in await db.rows(text("SELECT case_no, state FROM cases"))}
    assert len(truth) == 72
    # The test holds something: of these moments some have cases, and not yet all.
    assert [b for b in beginnings if 0 < len(b.cases) < 72]
    for beginning in beginnings:
        states = {number: case["state"] for number, case in beginning.cases.items()}
        for fact in newer(beginning, await facts_after(incident, beginning.after_sequence)):
            apply(states, fact)
        assert states == truth


async def test_a_line_says_what_facts_say_and_no_more(incident: Stage) -> None:
    case = await report(incident)
    [line] = (await begin(incident)).cases.values()
    assert "mail.example" not in json.dumps(line)
    assert (line["summary"], line["sender"], line["state"]) == ("路灯不亮，电话…", "web", "registered")
    assert case.tracking_code not in json.dumps(line)
    assert set(CaseRegistered.model_fields) - set(line) == {
        *("id", "correlation_id", "tenant", "occurred_at"),
        *("opening", "verify_asked"),
    }


async def test_only_the_cases_of_one_sender_are_asked_for(incident: Stage) -> None:
    ours = await report(incident)
    await incident.hear(Orders(ours).claimed())
    assert [c["state"] for c in (await begin(incident, sender="web")).cases.values()] == ["in_progress"]
    assert (await begin(incident, sender="hotline-12345")).cases == {}
    assert (await incident.http.get("/v1/cases.jsonl", params={"tenant": "370784999"})).status_code == 404


async def test_without_the_broker_nobody_begins(incident: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident.service.app.state, "broker", type(incident.service.broker)())
    answer = await incident.http.get("/v1/cases.jsonl", params={"tenant": TENANT})
    assert (answer.status_code, "INCIDENT" in answer.json()["detail"]) == (503, True)


def test_every_fact_of_the_steps_is_one_of_the_stream() -> None:
    assert set(STATE_AFTER) <= set(facts_of("incident"))
