"""Findings that wait for their case: leased, asked for, and marked with the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import text

from libs.chassis.db.database import Database, Record
from services.dispatch.domain.finding import AskAgain, NotACase, Outcome, Reported

LEASE_SECONDS = 60

LEASE = text(
    """
    UPDATE findings SET due_at = now() + make_interval(secs => :lease), attempts = LEAST(attempts + 1, 1000)
    WHERE finding_id = ANY(ARRAY(
        SELECT finding_id FROM findings WHERE due_at <= now() ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED))
    RETURNING *
    """
)
ANSWERED = text(
    """
    UPDATE findings f SET state = a.state, case_id = a.case_id, case_no = a.case_no, reason = a.reason,
        due_at = now() + make_interval(secs => a.delay)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:states AS text[]), CAST(:cases AS uuid[]), CAST(:numbers AS text[]),
                CAST(:reasons AS text[]), CAST(:delays AS float8[])) AS a (id, state, case_id, case_no, reason, delay)
    WHERE f.finding_id = a.id AND f.state = 'pending'
    """
)


async def lease_due(db: Database, limit: int) -> Sequence[Record]:
    """The findings whose time has come; should this process die, another asks for them after a minute."""
    return await db.rows(LEASE, {"lease": LEASE_SECONDS, "limit": limit})


async def record(db: Database, outcomes: Mapping[UUID, Outcome]) -> None:
    """What incident said of each. An answer that another process has noted already stays."""
    if not outcomes:
        return
    rows = [(finding_id, *_columns(outcome)) for finding_id, outcome in outcomes.items()]
    names = ("ids", "states", "cases", "numbers", "reasons", "delays")
    await db.execute(ANSWERED, dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


def _columns(outcome: Outcome) -> tuple[str, UUID | None, str | None, str | None, float | None]:
    match outcome:
        case Reported(case_id, case_no):
            return ("reported", case_id, case_no, None, None)
        case NotACase(reason):
            return ("refused", None, None, reason, None)
        case AskAgain(delay):
            return ("pending", None, None, None, delay.total_seconds())
