"""The next version of a service, as old ones may meet it: facts with more in them, on a schema that has grown."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

import asyncpg

from libs.contracts import cloudevents
from libs.contracts.cloudevents import Envelope
from libs.contracts.message import Message

NEXT = "next"
FIELD, HEADER = "of_the_next_version", "ce-ofthenextversion"
GROWS = {"incident": "cases", "dispatch": "orders", "scoring": "transactions", "notify": "deliveries"}
LOCK_SECONDS = 2
TRIES = 10


def speak_the_next_version() -> None:
    """The facts of this process carry a field and a header that nobody knows yet."""
    encode = cloudevents.encode

    def encode_next(message: Message, traceparent: str | None = None) -> Envelope:
        envelope = encode(message, traceparent)
        body = envelope.body.removesuffix(b"}") + f',"{FIELD}":{{"depth":[1,2,3]}}}}'.encode()
        return replace(envelope, headers={**envelope.headers, HEADER: "1"}, body=body)

    cloudevents.encode = encode_next


async def migrate_to_the_next_version(url: str, service: str) -> None:
    """A column more, and a version that the old code does not know. Under load, so it waits for its lock in turns."""
    for _ in range(TRIES - 1):
        with suppress(asyncpg.PostgresError, OSError):
            await _migrate(url, service)
            return
        await asyncio.sleep(1)
    await _migrate(url, service)


async def _migrate(url: str, service: str) -> None:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
            await connection.execute(
                f"ALTER TABLE {GROWS[service]} ADD COLUMN IF NOT EXISTS {FIELD} text DEFAULT 'new'"
            )
            await connection.execute("UPDATE alembic_version SET version_num = $1", NEXT)
    finally:
        await connection.close()
