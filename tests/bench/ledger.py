"""Ledger posting: facts of checked orders, through scoring's own handler, to transactions, postings and balances."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from deploy.local.system import TENANT
from libs.chassis.db.ids import new_id
from libs.contracts.dispatch import OrderChecked
from libs.street_time import STREET_ZONE
from tests.bench import bare
from tests.bench.measure import Cpu, Figure
from tests.bench.place import Place, consume_anew, ids_from_now_on, publish
from wangge.wiring import handled

MEMBERS = 2303
MICRO_GRIDS = 832
CONSUMED = {"scoring": handled()["scoring"]}
DONE = (
    ("handled_and_checked", "治理争先", "member_id"),
    ("handled_on_time", "奉献争先", "member_id"),
    ("check_done", "文明争先", "checked_by"),
)
"""What one check leads to by the rules that come with the service: (rule, dimension, field of who earns)."""
FACT = f"wangge.{TENANT}.scoring.points_posted.v1"
POSTED = "SELECT count(*) FROM transactions WHERE tenant = $1 AND id > $2"


async def ledger_posting(place: Place, repetitions: int, size: int) -> list[Figure]:
    """Checks a second, from when the service is ready until all facts of theirs are published; three transactions and
    nine postings each, as long as the daily caps allow."""
    figure = Figure("ledger posting", "checks/s", size)
    figure.limit_is = "nats-py and asyncpg, the same rows, commits, acks and publishes, nothing decided"
    url = place.street.database_url("scoring")
    db = await asyncpg.connect(url)
    for n in range(repetitions):
        await place.only_servers(CONSUMED)
        await publish(place.nats_url, _checks(size, n))
        figure.limit.append(await bare.consume(place.nats_url, url, size, _write_bare, stream="DISPATCH"))
        await place.only_servers(CONSUMED)
        await publish(place.nats_url, _checks(size, n + repetitions))
        await consume_anew(place, "DISPATCH", CONSUMED)
        before = ids_from_now_on()
        await place.go_on("scoring")
        cpu, started, left = Cpu(place.processes), time.perf_counter(), await _pending(place)
        seconds = await place.settled() - started
        posted = await db.fetchval(POSTED, TENANT, before)
        figure.add(left / seconds, {"transactions of a check": posted / size, **cpu.spent(left)})
    await db.close()
    return [figure]


async def _pending(place: Place) -> int:
    async with place.jetstream() as js:
        return int((await js.consumer_info("DISPATCH", "scoring")).num_pending or 0)


def _checks(count: int, days_ago: int) -> Iterator[OrderChecked]:
    """Each repetition is of another day: caps are a day's."""
    at = datetime.now(UTC) - timedelta(days=days_ago)
    for n in range(count):
        yield OrderChecked(
            id=new_id(),
            correlation_id=new_id(),
            tenant=TENANT,
            occurred_at=at,
            case_id=new_id(),
            order_id=new_id(),
            passed=True,
            member_id=f"M{n % MEMBERS + 1:04d}",
            org_id=f"P{TENANT}{n % MICRO_GRIDS:05d}",
            checked_by=f"M{(n + 1) % MEMBERS + 1:04d}",
            checked_by_org=f"P{TENANT}{(n + 1) % MICRO_GRIDS:05d}",
            category="11001",
            points=5,
            on_time=True,
            own_report=False,
        )


async def _write_bare(db: PoolConnectionProxy, messages: list[Any]) -> None:
    """The rows that scoring writes when no cap is reached."""
    checks = [json.loads(m.data) for m in messages]
    await db.fetch(bare.INBOX, [UUID(c["id"]) for c in checks])
    at = [datetime.fromisoformat(c["occurred_at"]) for c in checks]
    await db.execute(
        "INSERT INTO orders (tenant, order_id, case_id, member_id, org_id, on_time, own_report, category_points, "
        "passed_at, passed_by) SELECT $1, o, c, m, g, true, false, p, t, i FROM unnest($2::uuid[], $3::uuid[], "
        "$4::text[], $5::text[], $6::int[], $7::timestamptz[], $8::uuid[]) AS r (o, c, m, g, p, t, i)",
        TENANT,
        [UUID(c["order_id"]) for c in checks],
        [UUID(c["case_id"]) for c in checks],
        [c["member_id"] for c in checks],
        [c["org_id"] for c in checks],
        [c["points"] for c in checks],
        at,
        [UUID(c["id"]) for c in checks],
    )
    earned = [(new_id(), c, t, rule, d, c[who]) for c, t in zip(checks, at, strict=True) for rule, d, who in DONE]
    await db.execute(
        "INSERT INTO transactions (id, tenant, kind, rule, rules_version, dimension, member_id, org_id, points, "
        "cause_id, case_id, order_id, occurred_at, day) SELECT i, $1, 'earn', r, 1, d, m, g, 1, u, c, o, t, y "
        "FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::uuid[], $9::uuid[], "
        "$10::timestamptz[], $11::date[]) AS x (i, r, d, m, g, u, c, o, t, y)",
        TENANT,
        [id for id, *_ in earned],
        [rule for _, _, _, rule, _, _ in earned],
        [dimension for *_, dimension, _ in earned],
        [member for *_, member in earned],
        [c["org_id"] for _, c, *_ in earned],
        [UUID(c["id"]) for _, c, *_ in earned],
        [UUID(c["case_id"]) for _, c, *_ in earned],
        [UUID(c["order_id"]) for _, c, *_ in earned],
        [t for _, _, t, *_ in earned],
        [t.astimezone(STREET_ZONE).date() for _, _, t, *_ in earned],
    )
    posted = [
        (id, account, dimension, amount)
        for id, c, _, rule, dimension, member in earned
        for account, amount in ((f"member:{member}", 1), (f"org:{c['org_id']}", 1), (f"rule:{rule}", -2))
    ]
    await db.execute(
        "INSERT INTO postings (tenant, transaction_id, account, dimension, amount) "
        "SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::int[])",
        TENANT,
        *map(list, zip(*posted, strict=True)),
    )
    changed: Counter[tuple[str, str]] = Counter()
    for _, account, dimension, amount in posted:
        changed[account, dimension] += amount
    await db.execute(
        "INSERT INTO accounts (tenant, account, dimension, balance) "
        "SELECT $1, * FROM unnest($2::text[], $3::text[], $4::bigint[]) "
        "ON CONFLICT (tenant, account, dimension) DO UPDATE SET balance = accounts.balance + excluded.balance",
        TENANT,
        [account for account, _ in sorted(changed)],
        [dimension for _, dimension in sorted(changed)],
        [changed[key] for key in sorted(changed)],
    )
    facts = [m for m in messages for _ in DONE]
    await db.execute(
        bare.OUTBOX,
        [0] * len(facts),
        [new_id() for _ in facts],
        [FACT] * len(facts),
        [json.dumps(m.headers) for m in facts],
        [m.data for m in facts],
    )
