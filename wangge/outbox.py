"""`wangge outbox`: has facts published again that a service has published."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer
from sqlalchemy import text

from libs.cli.database import opened
from libs.cli.running import WrongUse, report_errors, run
from wangge.dead_letters import OneService, databases

CHUNK = 2000
AGAIN = text(
    """
    UPDATE outbox SET sent_at = NULL, sequence = NULL, replays = replays + 1 WHERE position = ANY(ARRAY(
        SELECT position FROM outbox WHERE position > :after AND sent_at >= :since AND sent_at < :begun
        ORDER BY position LIMIT :chunk))
    RETURNING position
    """
)
NOW = text("SELECT now()")

commands = typer.Typer()


@commands.callback()
def outbox() -> None:
    """Facts that were published."""


@commands.command("replay")
@report_errors
def replay_facts(
    since: Annotated[datetime, typer.Option(help="Published at or after this time, in the time zone that it names.")],
    service: OneService = None,
) -> None:
    """Publish facts once more. Whoever has handled them drops them as copies."""
    if since.tzinfo is None:
        raise WrongUse("--since needs a time zone, such as 2026-11-30T08:00:00+08:00.")
    for name, url in databases(service).items():
        print(f"{name}: {run(put_back(url, since))} will be published again", flush=True)


async def put_back(url: str, since: datetime) -> int:
    """Make what was published since then unsent, a chunk per transaction so that locks are short; how many."""
    async with opened(url) as db:
        begun = await db.one(NOW)
    assert begun is not None
    total, after, found = 0, 0, [0]
    while found:
        async with opened(url) as db:
            rows = await db.rows(AGAIN, {"after": after, "since": since, "begun": begun[0], "chunk": CHUNK})
        found = sorted(row.position for row in rows)
        total, after = total + len(found), found[-1] if found else after
    return total
