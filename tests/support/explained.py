"""Plans of the statements that services issue, asked for on their own connections at the moment they are issued."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import TextClause

from libs.chassis.db.database import Connection, Engine, positional

ROOT = Path(__file__).resolve().parents[2]
PLANNED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")


@dataclass(frozen=True, slots=True)
class Explained:
    """A statement as it went to PostgreSQL, and a plan of it.

    `generic`: the plan that any parameters get once PostgreSQL prefers it, after five executions; otherwise the one
    for the parameters that were sent.
    """

    service: str
    statement: str
    generic: bool
    plan: dict[str, Any]


@dataclass(slots=True)
class Watch:
    """Collects plans. Each statement is explained anew when its longest list has twice the length."""

    plans: list[Explained] = field(default_factory=list)
    _seen: set[tuple[str, str, int]] = field(default_factory=set)

    def over(self, service: str, engine: Engine) -> None:
        usual = engine.connection

        @asynccontextmanager
        async def connection() -> AsyncIterator[Any]:
            async with usual() as found:
                yield _Explaining(found, self, service)

        engine.connection = connection  # type: ignore[method-assign]

    async def explain(self, service: str, connection: Connection, statement: str, sent: Sequence[Any]) -> None:
        size = max((len(p) for p in sent if isinstance(p, list | tuple)), default=0).bit_length()
        if not statement.lstrip().startswith(PLANNED) or (service, statement, size) in self._seen:
            return
        self._seen.add((service, statement, size))
        for generic, plan in await _plans(connection, statement, sent):
            self.plans.append(Explained(service, statement, generic, plan))


class _Explaining:
    """A connection that has each statement explained before it sends it."""

    def __init__(self, connection: Connection, watch: Watch, service: str) -> None:
        self._connection = connection
        self._watch = watch
        self._service = service

    async def fetch(self, statement: str, *parameters: Any) -> Any:
        await self._watch.explain(self._service, self._connection, statement, parameters)
        return await self._connection.fetch(statement, *parameters)

    async def execute(self, statement: str, *parameters: Any) -> Any:
        await self._watch.explain(self._service, self._connection, statement, parameters)
        return await self._connection.execute(statement, *parameters)

    async def cursor(self, statement: str, *parameters: Any) -> Any:
        await self._watch.explain(self._service, self._connection, statement, parameters)
        return await self._connection.cursor(statement, *parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


async def _plans(
    connection: Connection, statement: str, parameters: Sequence[Any]
) -> list[tuple[bool, dict[str, Any]]]:
    plans = [(False, await connection.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *parameters))]
    if parameters:
        await connection.execute(f"PREPARE explained AS {statement}")
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        nothing = ", ".join(["NULL"] * len(parameters))
        plans.append((True, await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE explained ({nothing})")))
        await connection.execute("RESET plan_cache_mode; DEALLOCATE explained")
    return [(generic, plan[0]["Plan"]) for generic, plan in plans]


def nodes(plan: dict[str, Any], limited: bool = False) -> Iterator[tuple[dict[str, Any], bool]]:
    """Every node of a plan, and whether a LIMIT above it ends it early."""
    yield plan, limited
    below = plan["Node Type"] == "Limit" or (limited and plan["Node Type"] not in ("Sort", "Aggregate", "Hash"))
    for child in plan.get("Plans", ()):
        yield from nodes(child, below)


def constants(*folders: str) -> dict[str, str]:
    """The dotted name of every statement that a module below the folders holds, by what PostgreSQL is sent."""
    found: dict[str, str] = {}
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            if not {"migrations", "alembic"} & set(path.parts):
                for key, held in vars(importlib.import_module(name)).items():
                    if isinstance(held, TextClause):
                        found[positional(held.text)[0]] = f"{name}.{key}"
    return found
