"""What a morning came to, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import httpx
from rich.console import Console
from rich.table import Table

from deploy.local.morning.play import PlayedMorning
from deploy.local.reconciliation.outcomes import OutcomeCount
from deploy.local.system import TENANT, LocalSystem
from libs.contracts.services import SERVICES

# Only of reports that are registered at once: the others wait for a person first.
LATENCY = """
    SELECT count(*) AS cases,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS p50,
           percentile_cont(0.99) WITHIN GROUP (ORDER BY seconds) AS p99
    FROM (
        SELECT extract(epoch FROM min(d.first_attempt_at) - c.reported_at)::float8 AS seconds
        FROM cases c
        JOIN notices n USING (tenant, case_id)
        JOIN deliveries d USING (tenant, event_id)
        WHERE c.tenant = $1 AND d.first_attempt_at IS NOT NULL
        GROUP BY c.case_id, c.reported_at
        HAVING min(n.occurred_at) = c.reported_at) AS waited
"""
EVER = ("2000-01-01T00:00:00Z", "2099-12-31T23:59:59Z")
PARKED = "SELECT count(*) FROM retries WHERE parked_at IS NOT NULL"


async def ended_by_level(local: LocalSystem) -> dict[str, int]:
    """As dispatch counts them, whenever they ended."""
    answer = await _get(local, "dispatch", "/v1/orders/ended-by-level", since=EVER[0], until=EVER[1])
    return dict(answer["ended"])


async def show(
    local: LocalSystem,
    played: PlayedMorning,
    outcomes: Sequence[OutcomeCount],
    ended: Mapping[str, int],
    console: Console,
) -> None:
    cases = await _get(local, "incident", "/v1/cases/counts")
    channels = await _get(local, "notify", "/v1/deliveries/counts")
    ranking = await _get(local, "scoring", "/v1/ranking", limit="10")
    console.print(_counts("Cases", {state: count for state, count in cases.items() if count}))
    console.print(_outcomes(outcomes))
    console.print(_counts("Orders by the level at which they ended", ended))
    console.print(_deliveries(channels))
    console.print(_ranking(ranking))
    requests = sum(len(each.receipts) for each in played.sent)
    console.print(
        f"{len(played.sent)} reports in {requests} requests; {played.contested_claims} times two members claimed the "
        "same order at once, and one had it."
    )
    console.print(f"{len(played.visits)} units were visited on patrol.")
    console.print(f"{local.mail.count} mails reached the mail sink.")
    console.print(await _latency(local))
    console.print(f"Dead letters: {await _parked(local)}")


async def _get(local: LocalSystem, service: str, path: str, **query: str) -> Any:
    async with httpx.AsyncClient(base_url=local.urls[service], timeout=20) as client:
        answer = await client.get(path, params={"tenant": TENANT, **query})
        return answer.raise_for_status().json()


async def _latency(local: LocalSystem) -> str:
    """The services write domain time, which runs faster here; people wait in real time."""
    connection = await asyncpg.connect(local.database_url("notify"))
    try:
        row = await connection.fetchrow(LATENCY, TENANT)
    finally:
        await connection.close()
    if row is None or not row["cases"]:
        return "Nobody was sent anything."
    p50, p99 = (row[name] / local.clock.speed * 1000 for name in ("p50", "p99"))
    return f"From a report to the first mail about it, {row['cases']} cases: p50 {p50:.0f} ms, p99 {p99:.0f} ms."


async def _parked(local: LocalSystem) -> int:
    total = 0
    for service in SERVICES:
        connection = await asyncpg.connect(local.database_url(service))
        try:
            total += await connection.fetchval(PARKED)
        finally:
            await connection.close()
    return total


def _counts(title: str, counts: Mapping[str, int]) -> Table:
    table = Table(title=title, title_justify="left")
    for state in counts:
        table.add_column(state, justify="right")
    table.add_row(*map(str, counts.values()))
    return table


def _outcomes(outcomes: Sequence[OutcomeCount]) -> Table:
    table = Table("scenario", "", title="What became of the reports", title_justify="left")
    table.add_column("played", justify="right")
    table.add_column("ended as planned", justify="right")
    for outcome in outcomes:
        table.add_row(
            outcome.words.en, outcome.words.zh, str(outcome.planned), str(outcome.planned - len(outcome.astray))
        )
    return table


def _deliveries(channels: Mapping[str, Mapping[str, int]]) -> Table:
    states = sorted({state for counts in channels.values() for state in counts})
    table = Table("channel", title="Notifications", title_justify="left")
    for state in states:
        table.add_column(state, justify="right")
    for channel, counts in channels.items():
        table.add_row(channel, *(str(counts.get(state, 0)) for state in states))
    return table


def _ranking(members: list[Mapping[str, Any]]) -> Table:
    table = Table("rank", "member", "organisation", title="Most points", title_justify="left")
    table.add_column("points", justify="right")
    for m in members:
        table.add_row(str(m["rank"]), f"{m['name']} {m['member_id']}", m["org_name"], str(m["points"]))
    return table
