"""Every timeline read again from its first entry, a case at a time: what `wangge case verify` checks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy import text

from libs.chassis.db.database import Database, Record
from services.incident.cases import tables
from services.incident.cases.domain.history import Entry, Head

ROWS_AT_ONCE = 2_000
HISTORIES = text(
    """
    SELECT tenant, case_id, case_no, timeline_length, timeline_hash, changed_at,
        position, entry_id, step, happened_at, recorded_at, details, hash
    FROM cases LEFT JOIN timeline USING (tenant, case_id)
    WHERE (CAST(:tenant AS text) IS NULL OR tenant = :tenant)
        AND (CAST(:case_no AS text) IS NULL OR case_no = :case_no)
    ORDER BY tenant, case_id, position
    """
)


@dataclass(frozen=True, slots=True)
class History:
    """A case, where its timeline ended when it was last written, and the entries with their hashes."""

    tenant: str
    case_no: str
    head: Head
    entries: tuple[tuple[Entry, bytes], ...]


async def histories(db: Database, tenant: str | None = None, case_no: str | None = None) -> AsyncIterator[History]:
    """Of all streets, of one, or of one case; as they were at one moment, in constant memory."""
    rows: list[Record] = []
    async for chunk in db.chunks(HISTORIES, ROWS_AT_ONCE, {"tenant": tenant, "case_no": case_no}):
        for row in chunk:
            if rows and row.case_id != rows[0].case_id:
                yield _history(rows)
                rows = []
            rows.append(row)
    if rows:
        yield _history(rows)


def _history(rows: list[Record]) -> History:
    case = rows[0]
    head = Head(case.timeline_length, bytes(case.timeline_hash), case.changed_at)
    entries = tuple((tables.entry_of(row), bytes(row.hash)) for row in rows if row.position is not None)
    return History(case.tenant, case.case_no, head, entries)
