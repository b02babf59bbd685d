"""All that there is to judge a run by: the four databases, the streams, the journal, and what providers received."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import nats
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from deploy.local.reconciliation import check, databases
from libs.chassis.messaging import topology
from libs.contracts import cloudevents, services, streams
from libs.contracts.message import Message
from libs.contracts.services import SERVICES
from tests.chaos import journal
from tests.chaos.ground import Ground
from tests.chaos.journal import Asked
from tests.chaos.mess import hash_of
from wangge.wiring import handled

M = TypeVar("M", bound=Message)

FETCH = 1000
READ_AT_MOST = 5

_EVERY_SERVICE = {
    "inbox": "SELECT message_id, received_at FROM inbox WHERE $1::text IS NOT NULL",
    "kept": "SELECT id, headers, body, attempts, reason, due_at, parked_at FROM retries WHERE $1::text IS NOT NULL",
    "outbox": "SELECT position, message_id, subject, headers, body, recorded_at, sent_at FROM outbox "
    "WHERE $1::text IS NOT NULL ORDER BY position",
    "losses": "SELECT id FROM stream_losses WHERE $1::text IS NOT NULL",
    "timers": "SELECT name, key, due_at, body, attempts FROM timers WHERE $1::text IS NOT NULL",
}
_MORE: Mapping[str, Mapping[str, str]] = {
    "incident": {
        "cases": "SELECT * FROM cases WHERE tenant = $1",
        "timeline": "SELECT * FROM timeline WHERE tenant = $1 ORDER BY case_id, position",
        "evaluations": "SELECT case_id, closing, satisfied, words, reopened FROM evaluations WHERE tenant = $1",
        "categories": "SELECT category, name_zh, name_en, area, registration, active FROM categories WHERE tenant = $1",
        "questions": "SELECT case_id, number, answer, ended_at FROM questions WHERE tenant = $1",
        "followers": "SELECT case_id, follower_id, tracking_code FROM followers WHERE tenant = $1",
        "meetings": "SELECT meeting_id, idempotency_key FROM meetings WHERE tenant = $1",
        "standing": "SELECT meeting_id, case_id, words FROM standing_matters WHERE tenant = $1",
        "strangers": "SELECT 'case ' || case_no AS what FROM cases WHERE tenant <> $1",
    },
    "dispatch": {
        "orders": "SELECT * FROM orders WHERE tenant = $1",
        "parents": "SELECT code, parent FROM units WHERE tenant = $1",
        "approvals": "SELECT * FROM approvals WHERE tenant = $1",
        "street": "SELECT version FROM streets WHERE tenant = $1",
        "members": "SELECT member_id, name FROM members WHERE tenant = $1",
        "list_rows": "SELECT category, standard_ref, version, retired_version AS until FROM responsibilities "
        "WHERE tenant = $1",
        "list_versions": "SELECT version FROM responsibility_versions WHERE tenant = $1",
        "inventory": "SELECT code, name, version, CAST(NULL AS integer) AS until FROM components WHERE tenant = $1 "
        "UNION ALL SELECT code, name, version, replaced_version FROM former_components WHERE tenant = $1",
        "inventory_versions": "SELECT version FROM component_versions WHERE tenant = $1",
        "strangers": "SELECT 'order ' || order_id AS what FROM orders WHERE tenant <> $1",
    },
    "scoring": {
        "transactions": "SELECT * FROM transactions WHERE tenant = $1",
        "known_orders": "SELECT * FROM orders WHERE tenant = $1",
        "members": "SELECT member_id, name, org_id, active FROM members WHERE tenant = $1",
        "orgs": "SELECT org_id, name, active FROM orgs WHERE tenant = $1",
        "strangers": "SELECT 'transaction ' || id AS what FROM transactions WHERE tenant <> $1",
    },
    "notify": {
        "deliveries": "SELECT * FROM deliveries WHERE tenant = $1",
        "notices": "SELECT event_id, template, parameters, case_id, occurred_at, queued_at FROM notices "
        "WHERE tenant = $1",
        "reporters": "SELECT case_id, recipient_id FROM cases WHERE tenant = $1 AND follower_of IS NULL",
        "followers": "SELECT case_id, recipient_id, follower_of FROM cases WHERE tenant = $1 "
        "AND follower_of IS NOT NULL",
        "strangers": "SELECT 'delivery ' || delivery_id AS what FROM deliveries WHERE tenant <> $1",
    },
}
QUERIES = {s: {**databases.QUERIES[s], **_MORE[s], **_EVERY_SERVICE} for s in SERVICES}


@dataclass(frozen=True, slots=True)
class Recorded:
    """A fact as it was written down in the transaction that decided it. `position` is its place in that outbox,
    `recorded_at` real time."""

    position: int
    message: Message
    subject: str
    body: bytes
    recorded_at: datetime
    sent: bool


@dataclass(frozen=True, slots=True)
class Published:
    """A message as its stream has it."""

    stream: str
    sequence: int
    subject: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def ce_id(self) -> str:
        return self.headers.get("ce-id", "")


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a consumer has not acknowledged."""

    stream: str
    service: str
    pending: int
    unacknowledged: int


@dataclass(frozen=True)
class Evidence:
    """`now` is the domain's time when the evidence was taken; a real second is `speed` seconds of it.

    `calls` are the webhook provider's. `heard` are the facts that each service handles, by their CloudEvents type.
    """

    tenant: str
    now: datetime
    speed: float
    found: check.Found
    facts: Mapping[str, Sequence[Recorded]]
    published: Sequence[Published]
    backlog: Sequence[Backlog]
    asked: Sequence[Asked]
    calls: Sequence[Mapping[str, Any]]
    heard: Mapping[str, frozenset[str]]

    def of(self, kind: type[M]) -> list[M]:
        """The recorded facts of a type, in the order in which they were recorded."""
        return [each.message for each in self.facts[kind.service] if isinstance(each.message, kind)]

    @cached_property
    def lossy(self) -> frozenset[str]:
        """The services whose stream has lost messages."""
        return frozenset(service for service in SERVICES if self.found[service]["losses"])

    def asked_for(self, *kinds: str) -> list[Asked]:
        return [each for each in self.asked if each.kind in kinds]

    @cached_property
    def poison(self) -> frozenset[str]:
        """The hashes of the bodies of what was put on the bus and is no message."""
        return frozenset(each.what["body_sha256"] for each in self.asked_for("poison"))

    @cached_property
    def recorded(self) -> Mapping[str, Recorded]:
        """Every recorded fact by its id."""
        return {str(each.message.id): each for facts in self.facts.values() for each in facts}


async def take(world: Ground, journal_folder: Path) -> Evidence:
    """Reads everything. Nothing should be under way any more.

    The clocks of open orders go on: when one runs out while all this is being read, it is read again.
    """
    for _ in range(READ_AT_MOST):
        before = await _recorded_so_far(world)
        found = await check.load(world.database_url, world.tenant, QUERIES)
        published, backlog = await _read_bus(world.nats_direct_url)
        if await _recorded_so_far(world) == before:
            break
    return Evidence(
        tenant=world.tenant,
        now=world.clock.now(),
        speed=world.clock.speed,
        found=found,
        facts={service: _decoded(found[service]["outbox"]) for service in SERVICES},
        published=published,
        backlog=backlog,
        asked=journal.asked(journal.read(journal_folder)),
        calls=_lines(world.provider_log),
        heard={service: frozenset(e.type_name() for e in events) for service, events in handled().items()},
    )


async def _recorded_so_far(world: Ground) -> dict[str, int]:
    """The last place in the outbox of each service."""
    found = {}
    for service in SERVICES:
        connection = await asyncpg.connect(world.database_url(service))
        try:
            found[service] = await connection.fetchval("SELECT coalesce(max(position), 0) FROM outbox")
        finally:
            await connection.close()
    return found


def body_hash(row: asyncpg.Record) -> str:
    return hash_of(bytes(row["body"]))


def _decoded(rows: Iterable[asyncpg.Record]) -> list[Recorded]:
    facts = []
    for row in rows:
        headers = json.loads(row["headers"])
        message = cloudevents.decode(row["subject"], headers, bytes(row["body"]))
        sent = row["sent_at"] is not None
        facts.append(Recorded(row["position"], message, row["subject"], bytes(row["body"]), row["recorded_at"], sent))
    return facts


async def _read_bus(nats_url: str) -> tuple[list[Published], list[Backlog]]:
    bus = await nats.connect(nats_url.split(","), max_reconnect_attempts=5)
    try:
        js = bus.jetstream()
        # The consumers first: reading a stream asks nothing of them.
        backlog = []
        for stream, service, _ in topology.consumers(handled()):
            info = await js.consumer_info(stream, service)
            backlog.append(Backlog(stream, service, info.num_pending or 0, info.num_ack_pending or 0))
        published: list[Published] = []
        for stream in map(streams.stream_name, services.SERVICES):
            left = (await js.stream_info(stream)).state.messages
            config = ConsumerConfig(
                deliver_policy=DeliverPolicy.ALL, ack_policy=AckPolicy.NONE, num_replicas=1, mem_storage=True
            )
            reader = await js.pull_subscribe("", stream=stream, config=config)
            while left > 0:
                messages = await reader.fetch(min(left, FETCH), timeout=10)
                published += [
                    Published(stream, m.metadata.sequence.stream, m.subject, m.headers or {}, m.data) for m in messages
                ]
                left -= len(messages)
            await reader.unsubscribe()
        return published, backlog
    finally:
        await bus.close()


def _lines(file: Path) -> list[dict[str, Any]]:
    if not file.exists():
        return []
    with file.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.endswith("\n")]


def first_by_id(published: Iterable[Published]) -> dict[str, Published]:
    """The first message of each `ce-id`; what comes after it is a copy."""
    first: dict[str, Published] = {}
    for each in published:
        first.setdefault(each.ce_id, each)
    return first


def by_id(rows: Iterable[asyncpg.Record], column: str) -> dict[UUID, asyncpg.Record]:
    return {row[column]: row for row in rows}
