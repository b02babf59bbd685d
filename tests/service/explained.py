"""Plans of the statements that services issue, asked for on their own connections at the moment they are issued."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import Connection, TextClause, event
from sqlalchemy.ext.asyncio import AsyncEngine

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
    source: TextClause | None


@dataclass(slots=True)
class Watch:
    """Collects plans. Each statement is explained anew when its longest list has twice the length."""

    plans: list[Explained] = field(default_factory=list)
    _seen: set[tuple[str, str, int]] = field(default_factory=set)

    def over(self, service: str, engine: AsyncEngine) -> None:
        @event.listens_for(engine.sync_engine, "before_cursor_execute")
        def explain(
            connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
        ) -> None:
            sent = tuple(parameters[0] if executemany else parameters)
            size = max((len(p) for p in sent if isinstance(p, list | tuple)), default=0).bit_length()
            if not statement.lstrip().startswith(PLANNED) or (service, statement, size) in self._seen:
                return
            self._seen.add((service, statement, size))
            invoked = getattr(context, "invoked_statement", None)
            source = invoked if isinstance(invoked, TextClause) else None
            raw = connection.connection.dbapi_connection
            assert raw is not None
            for generic, plan in raw.run_async(lambda c: _plans(c, statement, sent)):
                self.plans.append(Explained(service, statement, generic, plan, source))


async def _plans(
    connection: asyncpg.Connection[Any], statement: str, parameters: Sequence[Any]
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


def constants(*folders: str) -> dict[str, TextClause]:
    """Every statement that a module below the folders holds, by its dotted name."""
    found: dict[str, TextClause] = {}
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            if not {"migrations", "alembic"} & set(path.parts):
                held = vars(importlib.import_module(name)).items()
                found |= {f"{name}.{key}": value for key, value in held if isinstance(value, TextClause)}
    return found
