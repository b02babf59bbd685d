"""The four services in this process, on databases that hold what thousands of cases have left."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import pytest

from deploy.local.servers.nats_and_postgres import Servers
from libs.chassis.db.database import Engine
from libs.chassis.messaging import subscriber
from libs.contracts.services import SERVICES
from tests.bench import growth_fill
from tests.support.linghe_street import import_linghe
from tests.support.providers import mail_server
from tests.support.scripted_life import Life
from tests.support.stage import KEYS, fresh_database, fresh_streams, on_stage


@asynccontextmanager
async def filled_street(servers: Servers, *, cases: int, streets: int) -> AsyncIterator[dict[str, str]]:
    """The addresses of the databases, by service, and the settings for who runs on them in the environment."""
    admin = servers.addresses.admin_url
    urls = {service: await fresh_database(admin, service, f"filled_{service}") for service in SERVICES}
    routers = {service: importlib.import_module(f"services.{service}.handlers").router for service in SERVICES}
    with pytest.MonkeyPatch.context() as patch:
        async with mail_server() as mails:
            for name, value in {
                **{f"{service.upper()}_DATABASE_URL": url for service, url in urls.items()},
                "NATS_URL": servers.addresses.nats_url,
                "NOTIFY_PRIVATE_KEY": KEYS[0],
                "NOTIFY_PUBLIC_KEY": KEYS[1],
                "SWEEP_SECONDS": "0.05",
                "LOG_LEVEL": "ERROR",
                "SMTP_URL": mails.url,
            }.items():
                patch.setenv(f"WANGGE_{name}", value)
            patch.setattr(subscriber, "POLL_SECONDS", 0.1)
            await fresh_streams(servers.addresses.nats_url, {s: list(r.events) for s, r in routers.items()})
            await growth_fill.fill(urls.__getitem__, 1, cases, streets=streets)
            for url in urls.values():
                await _remember_a_backlog(url)
            await import_linghe(urls["dispatch"])
            yield urls


DEAD_LETTERS = """
INSERT INTO retries (id, subject, headers, body, attempts, reason, parked_at)
SELECT uuidv7(), subject, headers, body, 5, 'made for a test', now() FROM outbox WHERE position % 5 = 0
"""
IS_QUEUED = "state = 'queued', due_at = now(), ended_at = NULL"
IS_DELIVERED = "state = 'delivered', due_at = NULL, ended_at = now() WHERE due_at IS NOT NULL"


async def _remember_a_backlog(url: str) -> None:
    """Leave statistics from a time when much was waiting, as after an outage; since then it has been cleared."""
    db = await asyncpg.connect(url)
    await db.execute(DEAD_LETTERS)
    for table, waits, is_over, some in (
        ("outbox", "sent_at = NULL", "sent_at = recorded_at WHERE sent_at IS NULL", "position % 3 = 0"),
        ("retries", "due_at = now(), parked_at = NULL", "due_at = NULL, parked_at = now()", "attempts > 0"),
        ("deliveries", IS_QUEUED, IS_DELIVERED, "channel = 'email'"),
    ):
        if not await db.fetchval("SELECT to_regclass($1) IS NOT NULL", table):
            continue
        await db.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        await db.execute(f"UPDATE {table} SET {waits} WHERE {some}")
        await db.execute(f"ANALYZE {table}")
        await db.execute(f"UPDATE {table} SET {is_over}")
    await db.close()


@asynccontextmanager
async def life_on(
    urls: Mapping[str, str], watch: Callable[[str, Engine], None] = lambda service, engine: None
) -> AsyncIterator[Life]:
    """The four services run, and PostgreSQL counts from then on; `watch` sees each engine before it is used."""
    async with AsyncExitStack() as stack:
        looking = {}
        for service, url in urls.items():
            db = looking[service] = await asyncpg.connect(url, server_settings={"enable_seqscan": "off"})
            stack.push_async_callback(db.close)
            await db.execute("SELECT pg_stat_reset()")
        stages = {}
        for service in SERVICES:
            built = importlib.import_module(f"services.{service}.app").build()
            watch(service, built.engine)
            stages[service] = await stack.enter_async_context(on_stage(built))
        yield Life(stages, looking)
