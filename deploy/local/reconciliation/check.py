"""A statement about the whole system with what contradicts it, and the rows that such statements are made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import asyncpg
from rich.console import Console

from libs.contracts.services import SERVICES

Row = asyncpg.Record
Rows = Sequence[Row]
Found = Mapping[str, Mapping[str, Rows]]
"""What the queries found, by service and by their names."""
OF_EVERY_SERVICE = {
    "unsent": "SELECT message_id FROM outbox WHERE sent_at IS NULL",
    "parked": "SELECT id, subject, reason FROM retries",
}
EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Check:
    """One statement about the whole, and what contradicts it."""

    statement: str
    contradictions: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.contradictions


def show(checks: Iterable[Check], console: Console) -> bool:
    """Prints each check; whether all hold."""
    broken = 0
    for check in checks:
        console.print(f"[green]✓[/] {check.statement}" if check.holds else f"[red]✗ {check.statement}[/]")
        for each in check.contradictions[:EXAMPLES]:
            console.print(f"    {each}", markup=False)
        if len(check.contradictions) > EXAMPLES:
            console.print(f"    … and {len(check.contradictions) - EXAMPLES} more")
        broken += not check.holds
    return broken == 0


async def load(
    database_url: Callable[[str], str], tenant: str, queries: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, Rows]]:
    """Runs the queries of each service, whose only parameter is the tenant, and those of every service."""
    found: dict[str, dict[str, Rows]] = {}
    for service in SERVICES:
        async with AsyncExitStack() as stack:
            connection = await asyncpg.connect(database_url(service))
            stack.push_async_callback(connection.close)
            found[service] = {name: await connection.fetch(q, tenant) for name, q in queries[service].items()}
            found[service] |= {name: await connection.fetch(q) for name, q in OF_EVERY_SERVICE.items()}
    return found
