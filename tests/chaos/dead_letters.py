"""Whether an operator's `wangge dlq replay` works: a dead letter that is no poison is handled, and is gone."""

from __future__ import annotations

import asyncio
import time

import asyncpg

from deploy.local.reconciliation.check import Check
from tests.chaos.evidence import Evidence
from tests.chaos.ground import Ground
from wangge import dead_letters

REPLAYED = "a dead letter that is no poison is handled when it is replayed"
PATIENCE_SECONDS = 15.0

PARK = """
INSERT INTO retries (id, subject, headers, body, attempts, reason, parked_at)
SELECT message_id, subject, headers, body, 5, 'given up for a test', now() FROM unnest($1::uuid[], $2::text[],
    $3::jsonb[], $4::bytea[]) AS fact (message_id, subject, headers, body)
"""


async def replay_works(world: Ground, evidence: Evidence) -> Check:
    """Gives up a fact that dispatch has handled already, whose replay is a copy that it must drop."""
    row = next((f for f in evidence.found["incident"]["outbox"] if _dispatch_hears(evidence, f)), None)
    if row is None:
        return Check(REPLAYED, ())
    url = world.database_url("dispatch")
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(PARK, [row["message_id"]], [row["subject"]], [row["headers"]], [row["body"]])
        await dead_letters.replay({"dispatch": url}, [row["message_id"]])
        give_up = time.monotonic() + PATIENCE_SECONDS
        while left := await connection.fetch("SELECT reason FROM retries WHERE id = $1", row["message_id"]):
            if time.monotonic() > give_up:
                return Check(REPLAYED, (f"{row['subject']} {row['message_id']}: {left[0]['reason']}",))
            await asyncio.sleep(0.1)
    finally:
        await connection.close()
    return Check(REPLAYED, ())


def _dispatch_hears(evidence: Evidence, row: asyncpg.Record) -> bool:
    known = {each["message_id"] for each in evidence.found["dispatch"]["inbox"]}
    return row["subject"].endswith(".registered.v1") and row["message_id"] in known
