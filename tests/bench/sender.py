"""Notify's sender: webhooks that are due, against a provider that takes 200 ms for each."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from deploy.local.system import TENANT
from libs.chassis.db.ids import new_id
from services.notify.recipients import vault
from services.notify.settings import Settings
from tests.bench import load
from tests.bench.measure import Cpu, Figure
from tests.bench.place import Place, listening, until

PROVIDER_SECONDS = 0.2
CONNECTIONS = int(Settings.model_fields["webhook_connections"].default)
POLL = str(Settings.model_fields["send_poll_seconds"].default)
RECIPIENTS = 500

FORGET_DUE = "DELETE FROM deliveries WHERE due_at IS NOT NULL"
NOTICES = """
INSERT INTO notices (tenant, event_id, template, parameters, correlation_id, occurred_at, queued_at)
SELECT $1, id, 'closed', '{"case_no": "20261123-000042"}', id, now(), now()
FROM unnest($2::uuid[]) AS id
"""
DELIVERIES = """
INSERT INTO deliveries (delivery_id, tenant, event_id, recipient_id, channel, state, due_at)
SELECT uuidv7(), $1, id, recipient, 'webhook', 'queued', now()
FROM unnest($2::uuid[], $3::text[]) AS due (id, recipient)
"""
KEYS = "INSERT INTO person_keys (tenant, recipient_id, key, since) SELECT $1, r, $3, now() FROM unnest($2::text[]) AS r"
CONTACTS = """
INSERT INTO contacts (tenant, recipient_id, ciphertext, channels, language, updated_at)
SELECT $1, r, $3, '["webhook"]', 'zh', now() FROM unnest($2::text[]) AS r
"""


async def notify_sender(place: Place, repetitions: int, size: int) -> list[Figure]:
    """Deliveries a second at the provider, from when the service is ready until it has had all."""
    figure = Figure("notify sender", "deliveries/s", size)
    figure.limit_is = f"asyncio and httptools, {CONNECTIONS} connections like the sender; nothing stored"
    # An earlier scenario may have left streams in which notify has no consumer.
    await place.run("notify")
    async with provider(place, PROVIDER_SECONDS) as asked:
        for _ in range(repetitions):
            requests = [load.post("/hook", b'{"subject": "closed"}')] * size
            figure.limit.append((await load.run(asked.port, requests, rate=None, count=CONNECTIONS)).rate)
            await asked.forget()
            await place.run()
            await _fill(place, asked.url, size)
            await place.go_on("notify", WANGGE_SENDING="true", WANGGE_SEND_POLL_SECONDS=POLL)
            cpu, started, before = Cpu(place.processes), time.perf_counter(), await asked.count()

            async def all_sent() -> bool:
                return await asked.count() >= size

            await until(all_sent, "the last delivery")
            seconds = time.perf_counter() - started
            figure.add((size - before) / seconds, cpu.spent(size - before))
            await place.settled()
    return [figure]


class Provider:
    """What a scenario asks of the provider's process."""

    def __init__(self, port: int, connections: load.Connections) -> None:
        self.port, self.url = port, f"http://127.0.0.1:{port}/hook"
        self._connections = connections

    async def count(self) -> int:
        """How many deliveries it has had."""
        return int((await self._connections.ask(b"GET /count HTTP/1.1\r\n\r\n"))[1])

    async def received(self) -> list[tuple[float, Any]]:
        """When it had which, on the clock of time.time()."""
        _, body = await self._connections.ask(b"GET /received HTTP/1.1\r\n\r\n")
        return [(at, delivery) for at, delivery in json.loads(body)]

    async def forget(self) -> None:
        await self._connections.ask(b"DELETE / HTTP/1.1\r\n\r\n")


@asynccontextmanager
async def provider(place: Place, delay_seconds: float) -> AsyncIterator[Provider]:
    log = place.folder / "log" / "provider.log"
    async with listening("tests.bench.provider", str(delay_seconds), log=log) as (port, _):
        connections = await load.Connections.open(port, 1)
        yield Provider(port, connections)
        connections.close()


async def _fill(place: Place, url: str, size: int) -> None:
    """What is due is all that the sender has to do."""
    key = vault.new_key()
    people = [f"reporter:{new_id()}" for _ in range(RECIPIENTS)]
    ids = [new_id() for _ in range(size)]
    db = await asyncpg.connect(place.street.database_url("notify"))
    async with db.transaction():
        await db.execute(FORGET_DUE)
        await db.execute(KEYS, TENANT, people, key)
        await db.execute(CONTACTS, TENANT, people, vault.encrypt(key, {"webhook_url": url}))
        await db.execute(NOTICES, TENANT, ids)
        await db.execute(DELIVERIES, TENANT, ids, [people[n % RECIPIENTS] for n in range(size)])
    await db.close()
