"""Facts on their way: from the outbox into the stream, from the stream into each service that listens."""

from __future__ import annotations

import re
from collections import defaultdict

from deploy.local.reconciliation.check import Check
from libs.chassis.messaging import topology
from libs.contracts.services import SERVICES
from tests.chaos.evidence import Evidence, Published, body_hash, first_by_id
from tests.chaos.mess import hash_of
from wangge.wiring import handled

IN_STREAM = "every fact that was marked as published is in its stream as it was recorded, unless that has lost messages"
ONLY_RECORDED = "the streams hold nothing but recorded facts, their copies, and known poison"
IN_ORDER = "facts about the same thing are in a stream that lost none in the order in which they were recorded"
NO_LAG = "every consumer has acknowledged everything"
ALL_HEARD = "every service has handled every fact that it listens to"
NONE_WAITS = "no message waits to be handled again"
EXPLAINED = "every dead letter is known poison"
POISON_KEPT = "every poisoned message is a dead letter of whoever listens there"
NO_ADDRESS = "no address of a resident is on the bus"

ADDRESS = re.compile(rb"@residents\.example")


def about_messages(evidence: Evidence) -> list[Check]:
    genuine = [each for each in evidence.published if hash_of(each.body) not in evidence.poison]
    first = first_by_id(genuine)
    kept = {service: evidence.found[service]["kept"] for service in SERVICES}
    return [
        Check(IN_STREAM, tuple(_missing(evidence, first))),
        Check(ONLY_RECORDED, tuple(_named(each) for each in genuine if each.ce_id not in evidence.recorded)),
        Check(IN_ORDER, tuple(_out_of_order(evidence, first))),
        Check(
            NO_LAG,
            tuple(
                f"{each.service}: {each.pending} to come and {each.unacknowledged} unacknowledged in {each.stream}"
                for each in evidence.backlog
                if each.pending or each.unacknowledged
            ),
        ),
        Check(ALL_HEARD, tuple(_not_heard(evidence))),
        Check(
            NONE_WAITS,
            tuple(
                f"{service}: {row['reason']} (attempts: {row['attempts']})"
                for service, rows in kept.items()
                for row in rows
                if row["parked_at"] is None
            ),
        ),
        Check(
            EXPLAINED,
            tuple(
                f"{service}: {row['reason']}"
                for service, rows in kept.items()
                for row in rows
                if row["parked_at"] is not None and body_hash(row) not in evidence.poison
            ),
        ),
        Check(POISON_KEPT, tuple(_poison_lost(evidence))),
        Check(NO_ADDRESS, tuple(_named(each) for each in evidence.published if ADDRESS.search(each.body))),
    ]


def _named(message: Published) -> str:
    return f"{message.subject} {message.ce_id or 'without id'} ({message.stream} {message.sequence})"


def _missing(evidence: Evidence, first: dict[str, Published]) -> list[str]:
    """Of a stream that has lost messages the first that is left may be a copy that somebody made of what they read."""
    wrong = []
    for id, fact in evidence.recorded.items():
        if fact.message.service in evidence.lossy:
            continue
        published = first.get(id)
        if fact.sent and published is None:
            wrong.append(f"{fact.subject} {id} is not in the stream")
        elif published is not None and (published.subject, published.body) != (fact.subject, fact.body):
            wrong.append(f"{_named(published)} is not as it was recorded")
    return wrong


def _out_of_order(evidence: Evidence, first: dict[str, Published]) -> list[str]:
    wrong = []
    for service, facts in evidence.facts.items():
        if service in evidence.lossy:
            continue
        last: dict[str, int] = defaultdict(int)
        for fact in facts:
            published = first.get(str(fact.message.id))
            if published is None:
                continue
            about = fact.message.aggregate_id
            if published.sequence < last[about]:
                wrong.append(f"{service}: {_named(published)} overtook an earlier fact about {about}")
            last[about] = max(last[about], published.sequence)
    return wrong


def _not_heard(evidence: Evidence) -> list[str]:
    """Of what was recorded and sent, whether it is still in the stream or not."""
    known = {
        service: {str(row["message_id"]) for row in evidence.found[service]["inbox"]}
        | {str(row["id"]) for row in evidence.found[service]["kept"]}
        for service in SERVICES
    }
    return [
        f"{service} has never handled {fact.subject} {id}"
        for id, fact in evidence.recorded.items()
        if fact.sent
        for service, types in evidence.heard.items()
        if fact.message.type_name() in types and id not in known[service]
    ]


def _poison_lost(evidence: Evidence) -> list[str]:
    dead = {service: {body_hash(row) for row in evidence.found[service]["kept"]} for service in SERVICES}
    listening = [
        (stream, s, {_of_any_tenant(p) for p in subjects}) for stream, s, subjects in topology.consumers(handled())
    ]
    return [
        f"{service} has no dead letter of {_named(each)}"
        for each in evidence.published
        if (hash := hash_of(each.body)) in evidence.poison
        for stream, service, subjects in listening
        if each.stream == stream and _of_any_tenant(each.subject) in subjects and hash not in dead[service]
    ]


def _of_any_tenant(subject: str) -> str:
    """What follows the tenant."""
    return subject.split(".", 2)[2]
