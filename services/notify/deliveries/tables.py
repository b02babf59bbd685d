"""Queries on deliveries: queued with their notices, leased by senders, ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Integer, text
from sqlmodel import Field

from libs.chassis.db.columns import json_column, text_column, time_column
from libs.chassis.db.database import Database, Record
from libs.contracts.values import Channel
from services.notify.deliveries.domain import Again, Ended
from services.notify.table import NotifyTable


class Notice(NotifyTable, table=True):
    """What there is to tell about one fact, in parameters: words are made of it when it is sent or read."""

    __tablename__ = "notices"

    tenant: str = text_column(key=True)
    event_id: UUID = Field(primary_key=True)
    template: str = text_column()
    parameters: dict[str, str] = json_column()
    case_id: UUID | None
    correlation_id: UUID
    traceparent: str | None = text_column(nullable=True)
    occurred_at: datetime = time_column()
    queued_at: datetime = time_column()


class Delivery(NotifyTable, table=True):
    """One notice to one recipient over one channel.

    `due_at`: when it is taken up next; while it is being sent, when the lease of the sender ends. `due_at`,
    `ended_at` and `read_at` are real time, `first_attempt_at` is the domain's.
    """

    __tablename__ = "deliveries"

    delivery_id: UUID = Field(primary_key=True)
    tenant: str = text_column()
    event_id: UUID
    recipient_id: str = text_column()
    channel: str = text_column()
    state: str = text_column()
    attempts: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))
    due_at: datetime | None = time_column(nullable=True)
    reason: str | None = text_column(nullable=True)
    first_attempt_at: datetime | None = time_column(nullable=True)
    ended_at: datetime | None = time_column(nullable=True)
    read_at: datetime | None = time_column(nullable=True)


LEASE_SECONDS = 60

QUEUE = text(
    """
    INSERT INTO deliveries (delivery_id, tenant, event_id, recipient_id, channel, state, due_at, ended_at)
    SELECT uuidv7(), r.tenant, r.event_id, r.recipient_id, c.channel,
           CASE c.channel WHEN 'in_app' THEN 'delivered' ELSE 'queued' END,
           CASE WHEN c.channel <> 'in_app' THEN now() END, CASE WHEN c.channel = 'in_app' THEN now() END
    FROM unnest(CAST(:tenants AS text[]), CAST(:events AS uuid[]), CAST(:recipients AS text[]),
                CAST(:channels AS text[])) AS r (tenant, event_id, recipient_id, channels)
    CROSS JOIN LATERAL string_to_table(r.channels, ',') AS c (channel)
    ON CONFLICT DO NOTHING
    """
)
SUPPRESS = text(
    """
    INSERT INTO deliveries (delivery_id, tenant, event_id, recipient_id, channel, reason, state, ended_at)
    SELECT r.*, 'suppressed', now()
    FROM unnest(CAST(:delivery_id AS uuid[]), CAST(:tenant AS text[]), CAST(:event_id AS uuid[]),
                CAST(:recipient_id AS text[]), CAST(:channel AS text[]), CAST(:reason AS text[])) AS r
    ON CONFLICT DO NOTHING
    """
)

_SENT = tuple(channel for channel in Channel if channel is not Channel.IN_APP)
_NAMES = ", ".join(f"'{channel}'" for channel in _SENT)
_FREE = ", ".join(f"CAST(:{channel} AS int)" for channel in _SENT)
# Each channel has places of its own, so that a slow one keeps no other waiting. They are named: of an array as
# a parameter PostgreSQL would learn the length each time anew, and plan for it (2 ms). What is leased is an array, not
# a join: of what was waiting in an outage it takes a tenth for leased at once, and would go through all tables for it.
LEASE = text(
    f"""
    WITH leased AS (
        UPDATE deliveries SET state = 'sending', attempts = attempts + 1,
            due_at = now() + make_interval(secs => :lease_seconds),
            first_attempt_at = coalesce(first_attempt_at, CAST(:now AS timestamptz))
        WHERE delivery_id = ANY(ARRAY(
            SELECT due.delivery_id FROM unnest(ARRAY[{_NAMES}], ARRAY[{_FREE}]) AS lane (channel, free)
            CROSS JOIN LATERAL (
                SELECT delivery_id FROM deliveries
                WHERE channel = lane.channel AND due_at <= now()
                ORDER BY due_at LIMIT lane.free FOR UPDATE SKIP LOCKED) AS due))
        RETURNING delivery_id, tenant, event_id, recipient_id, channel, attempts)
    SELECT l.*, n.template, n.parameters, n.case_id, n.correlation_id, n.traceparent, n.occurred_at, s.case_no,
           coalesce(p.language, c.language) AS language, k.key, c.ciphertext, k.erased_at,
           CASE WHEN s.recipient_id = l.recipient_id THEN s.tracking ELSE m.tracking END AS tracking
    FROM leased l
    JOIN notices n USING (tenant, event_id)
    LEFT JOIN cases s ON s.tenant = l.tenant AND s.case_id = n.case_id
    LEFT JOIN cases m ON m.tenant = l.tenant AND m.follows = n.case_id AND m.recipient_id = l.recipient_id
    LEFT JOIN contacts c ON c.tenant = l.tenant AND c.recipient_id = l.recipient_id
    LEFT JOIN preferences p ON p.tenant = l.tenant AND p.recipient_id = l.recipient_id
    LEFT JOIN person_keys k ON k.tenant = l.tenant AND k.recipient_id = l.recipient_id
    """
)

# Another sender may have taken a delivery over whose lease ran out: then its result counts, not this one.
RECORD = text(
    """
    UPDATE deliveries d SET state = r.state, reason = r.reason,
        due_at = now() + make_interval(secs => r.delay_seconds),
        ended_at = CASE WHEN r.delay_seconds IS NULL THEN now() END
    FROM unnest(CAST(:ids AS uuid[]), CAST(:attempts AS int[]), CAST(:states AS text[]), CAST(:reasons AS text[]),
                CAST(:delays AS float8[])) AS r (delivery_id, attempts, state, reason, delay_seconds)
    WHERE d.delivery_id = r.delivery_id AND d.state = 'sending' AND d.attempts = r.attempts
    RETURNING d.delivery_id
    """
)


Reached = tuple[str, UUID, str, str]
"""(tenant, event_id, recipient_id, channels with commas between them). An element of an array costs about 1 µs to
encode: four for each recipient, where rows as they are stored would take seven for each delivery."""


@dataclass(frozen=True, slots=True)
class Result:
    delivery_id: UUID
    attempts: int
    decision: Ended | Again


async def queue(db: Database, notices: Sequence[Mapping[str, Any]], reached: Sequence[Reached]) -> None:
    """One round trip for the notices and one for their deliveries; a message in the app is delivered by it."""
    if notices:
        await db.insert(Notice, notices, skip_existing=True)
    if reached:
        tenants, events, recipients, channels = zip(*reached, strict=True)
        await db.execute(QUEUE, {"tenants": tenants, "events": events, "recipients": recipients, "channels": channels})


async def suppress(db: Database, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        await db.execute(SUPPRESS, {column: [row[column] for row in rows] for column in rows[0]})


async def lease(db: Database, free: Mapping[Channel, int], now: datetime) -> Sequence[Record]:
    """Deliveries that are due, with all that is needed to send them; nobody else has them until the lease ends.

    `free`: how many deliveries of a channel may be under way besides those that are.
    """
    places = {str(channel): free.get(channel, 0) for channel in _SENT}
    return await db.rows(LEASE, {**places, "lease_seconds": float(LEASE_SECONDS), "now": now})


async def record(db: Database, results: Sequence[Result]) -> set[UUID]:
    """The ids of those whose result counts."""
    rows = await db.rows(
        RECORD,
        {
            "ids": [r.delivery_id for r in results],
            "attempts": [r.attempts for r in results],
            "states": [r.decision.state if isinstance(r.decision, Ended) else "queued" for r in results],
            "reasons": [r.decision.reason for r in results],
            "delays": [r.decision.delay.total_seconds() if isinstance(r.decision, Again) else None for r in results],
        },
    )
    return {row.delivery_id for row in rows}


COUNTS = text(
    "SELECT channel, state, count(*) AS deliveries FROM deliveries WHERE tenant = :tenant GROUP BY channel, state"
)
# A sender that waited for its turn takes the time from before that, in which what it sends may have been queued.
LATENCY = text(
    """
    WITH first AS (
        SELECT n.case_id, min(n.queued_at) AS queued_at,
               min(greatest(d.first_attempt_at, n.queued_at)) FILTER (WHERE d.first_attempt_at IS NOT NULL)
                   AS attempted_at
        FROM notices n JOIN deliveries d USING (tenant, event_id)
        WHERE n.tenant = :tenant AND n.case_id IS NOT NULL AND d.state <> 'suppressed' GROUP BY n.case_id),
    waited AS (
        SELECT CAST(extract(epoch FROM f.queued_at - s.reported_at) AS float8) AS to_queued,
               CAST(extract(epoch FROM f.attempted_at - s.reported_at) AS float8) AS to_attempt
        FROM first f JOIN cases s ON s.tenant = :tenant AND s.case_id = f.case_id)
    SELECT count(*) AS cases,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY to_queued) AS queued_p50_seconds,
           percentile_cont(0.99) WITHIN GROUP (ORDER BY to_queued) AS queued_p99_seconds,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY to_attempt) AS attempted_p50_seconds,
           percentile_cont(0.99) WITHIN GROUP (ORDER BY to_attempt) AS attempted_p99_seconds
    FROM waited
    """
)


async def counts(db: Database, tenant: str) -> dict[str, dict[str, int]]:
    """By channel and state."""
    found: dict[str, dict[str, int]] = {}
    for row in await db.rows(COUNTS, {"tenant": tenant}):
        found.setdefault(row.channel, {})[row.state] = row.deliveries
    return found


async def latency(db: Database, tenant: str) -> dict[str, Any]:
    """Percentiles are null as long as there is nothing to measure."""
    row = await db.one(LATENCY, {"tenant": tenant})
    assert row is not None
    return dict(row)
