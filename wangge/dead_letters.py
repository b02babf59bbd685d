"""`wangge dlq`: lists, shows and replays messages that a service has parked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.json import JSON
from rich.table import Table
from sqlalchemy import text

from libs.cli.database import opened
from libs.cli.running import Refusal, WrongUse, report_errors, run
from libs.cli.settings import OperatorSettings
from libs.contracts.services import SERVICES, Service

SEALED = "(sealed)"

PARKED = text(
    "SELECT id, headers, attempts, reason, parked_at FROM retries WHERE parked_at IS NOT NULL ORDER BY parked_at, id"
)
ONE = text(
    "SELECT subject, headers, body, attempts, reason, parked_at FROM retries WHERE id = :id AND parked_at IS NOT NULL"
)
REPLAY = text(
    """
    UPDATE retries SET due_at = now(), parked_at = NULL, attempts = 0
    WHERE parked_at IS NOT NULL AND (CAST(:ids AS uuid[]) IS NULL OR id = ANY(CAST(:ids AS uuid[])))
    RETURNING id
    """
)


commands = typer.Typer()

OneService = Annotated[Service | None, typer.Option(help="Only this service; without it, all whose database is set.")]


@commands.command("list")
@report_errors
def list_dead_letters(service: OneService = None) -> None:
    """What was given up, when and why."""
    run(show_all(databases(service)))


@commands.command("show")
@report_errors
def show_dead_letter(id: UUID, service: OneService = None) -> None:
    """One message with its headers; sealed contacts are left out."""
    run(show_one(databases(service), id))


@commands.command("replay")
@report_errors
def replay_dead_letters(
    ids: Annotated[list[UUID] | None, typer.Argument(metavar="ID…")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every one, instead of the ids.")] = False,
    service: OneService = None,
) -> None:
    """Have messages handled again, as if they had just come."""
    if bool(ids) == everything:
        raise WrongUse("Name the ids of dead letters, or --all.")
    run(replay(databases(service), ids or None))


def databases(service: str | None) -> dict[str, str]:
    """The address of the service's database, or of all that are set."""
    settings = OperatorSettings()
    if service is not None:
        return {service: settings.database_url(service)}
    known = {name: url for name in SERVICES if (url := getattr(settings, f"{name}_database_url"))}
    # None is set: the sentence about the first says how.
    return known or {SERVICES[0]: settings.database_url(SERVICES[0])}


async def show_all(urls: dict[str, str]) -> None:
    table = Table("service", "id", "type", "attempts", "reason", "parked at (UTC)")
    for service, url in urls.items():
        async with opened(url) as db:
            for row in await db.rows(PARKED):
                kind, since = row.headers.get("ce-type", "?"), f"{row.parked_at:%Y-%m-%d %H:%M:%S}"
                table.add_row(service, str(row.id), kind, str(row.attempts), row.reason, since)
    Console(markup=False, highlight=False).print(table if table.row_count else "No dead letters.")


async def show_one(urls: dict[str, str], id: UUID) -> None:
    """Raises Refusal when no service has it."""
    for service, url in urls.items():
        async with opened(url) as db:
            row = await db.one(ONE, {"id": id})
        if row is not None:
            console = Console(markup=False, highlight=False)
            console.print(
                f"{service}: {row.reason} (attempts: {row.attempts}, parked {row.parked_at:%Y-%m-%d %H:%M:%S} UTC)"
            )
            console.print(f"{row.subject}", JSON.from_data(row.headers), _readable(bytes(row.body)), sep="\n")
            return
    raise Refusal(f"No dead letter {id} in {', '.join(urls)}.")


async def replay(urls: dict[str, str], ids: Sequence[UUID] | None) -> None:
    """Make them due now, as new; None: all. Raises Refusal, after the others, for those that are nowhere."""
    left = set(ids or ())
    for service, url in urls.items():
        async with opened(url) as db:
            found = [row.id for row in await db.rows(REPLAY, {"ids": list(ids) if ids is not None else None})]
        left.difference_update(found)
        if found:
            print(f"{service}: {len(found)} will be tried again")
    if left:
        raise Refusal(f"No dead letter {', '.join(map(str, sorted(left)))} in {', '.join(urls)}.")


def _readable(body: bytes) -> Any:
    try:
        return JSON.from_data(_without_boxes(json.loads(body)))
    except ValueError:
        return f"{len(body)} bytes that are no JSON"


def _without_boxes(value: Any) -> Any:
    match value:
        case dict():
            return {k: SEALED if k == "box" else _without_boxes(v) for k, v in value.items()}
        case list():
            return [_without_boxes(each) for each in value]
    return value
