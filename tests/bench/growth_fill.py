"""Fills the tables of the four services as months of cases would have, by set-based SQL and with every index."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import cache

import asyncpg

from deploy.local.linghe import street
from deploy.local.system import TENANT
from libs.contracts.services import SERVICES
from tests.bench.growth_rows import BALANCES, CHASSIS, ROWS, SHARED

CHUNK = 25_000
STEP_MS = 60_000
"""A case a minute: a million of them are two years."""
MOST = 1_100_000
"""Numbers beyond this would lie in the future."""


async def fill(
    database_url: Callable[[str], str],
    first: int,
    last: int,
    *,
    streets: int = 1,
    say: Callable[[str], None] = lambda sentence: None,
) -> None:
    """Add the cases `first` to `last`, numbered from 1, to what is there; then vacuum and analyse.

    With several streets every so many-th case is the demonstration street's. Nobody else may write meanwhile.
    """
    if not 1 <= first <= last <= MOST:
        raise ValueError(f"cases are numbered from 1 to {MOST:,}")
    started = time.perf_counter()
    shared = _shared(streets)
    # Two at a time, the fuller ones first: each uses a core of the server.
    places = asyncio.Semaphore(2)

    async def one(service: str) -> None:
        async with places:
            await _fill(database_url(service), service, first, last, shared)
            say(f"{service}: cases {first:,} to {last:,} after {time.perf_counter() - started:.0f} s")

    await asyncio.gather(*(one(service) for service in sorted(SERVICES, key=list(_BY_WEIGHT).index)))


FILLING = {"synchronous_commit": "off", "jit": "off", "work_mem": "64MB"}
_BY_WEIGHT = ("scoring", "notify", "incident", "dispatch")


@cache
def _people() -> list[tuple[int, str, str, str]]:
    members = street.build().members
    return [(n, member.member_id, member.org_id, member.unit) for n, member in enumerate(members)]


async def _fill(url: str, service: str, first: int, last: int, shared: str) -> None:
    db = await asyncpg.connect(url, server_settings=FILLING)
    try:
        # The triggers and foreign keys hold by construction; the ledger is checked by who fills it.
        await db.execute("SET session_replication_role = replica")
        await _share(db, shared)
        for begin in range(first, last + 1, CHUNK):
            for statement in ROWS[service]:
                await db.execute(statement, begin, min(begin + CHUNK - 1, last), timeout=600)
        if service == "scoring":
            await db.execute(BALANCES, timeout=600)
        await db.execute("VACUUM ANALYZE", timeout=1200)
    finally:
        await db.close()


async def fill_chassis(url: str, cases: int) -> None:
    """Inbox and outbox of an empty database as that many cases leave them."""
    db = await asyncpg.connect(url, server_settings=FILLING)
    try:
        await _share(db, _shared(1))
        for begin in range(1, cases + 1, CHUNK):
            for statement in CHASSIS:
                await db.execute(statement, begin, min(begin + CHUNK - 1, cases), timeout=600)
        await db.execute("VACUUM ANALYZE", timeout=1200)
    finally:
        await db.close()


def _shared(streets: int) -> str:
    first_ms = int(time.time() * 1000) - MOST * STEP_MS
    return SHARED.format(first_ms=first_ms, step_ms=STEP_MS, streets=streets, tenant=TENANT)


async def _share(db: asyncpg.Connection, shared: str) -> None:
    """What the statements share, once: later cases follow the earlier ones."""
    if await db.fetchval("SELECT to_regnamespace('filled')") is None:
        await db.execute(shared)
        await db.copy_records_to_table("people", schema_name="filled", records=_people())
