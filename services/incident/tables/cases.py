"""Cases as they are locked, moved and evaluated, and the timeline they leave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text

from libs.chassis.db.database import Database, Record
from libs.contracts.values import Appointment
from services.incident.domain.case import Closing, Moved, Promise, Standing, State
from services.incident.domain.feedback import Evaluation
from services.incident.domain.history import Entry, Head
from services.incident.tables.rows import EvaluationRow, TimelineEntry, columns_of


@dataclass(frozen=True, slots=True)
class Known:
    """A case that is locked for a change: what it is, how it stands, and where its timeline ends."""

    tenant: str
    case_id: UUID
    case_no: str
    row: Record
    standing: Standing
    head: Head


_LOCKED = """
    SELECT tenant, case_id, case_no, category, category_name, request_kind, text, longitude, latitude, place_name,
        reporter_id, reported_by_member, tracking_code, state, moved_at, moved_rank, moved_by,
        closed_at, closed_by, closed_order_id, promised_at, handle_by, reopened_times, opened, merged_into,
        parent, settled_at, appointment_starts_at, appointment_ends_at, appointment_changes, documents,
        timeline_length, timeline_hash, changed_at
    FROM cases WHERE {condition} ORDER BY tenant, case_id FOR UPDATE
"""
LOCK_BY_ID = text(
    _LOCKED.format(
        condition="(tenant, case_id) IN (SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS uuid[])))"
    )
)
LOCK_BY_NUMBER = text(
    _LOCKED.format(
        condition="(tenant, case_no) IN (SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:numbers AS text[])))"
    )
)
# The number of the case whose progress and feedback are those of a tracking code.
FOLLOWED = text(
    """
    SELECT tracking_code, tenant, case_no, coalesce(merged_into, case_no) AS followed FROM cases
    WHERE tracking_code = ANY(CAST(:codes AS text[]))
    """
)
SURVIVORS = text(
    """
    SELECT DISTINCT tenant, merged_into AS case_no FROM cases WHERE (tenant, merged_into) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:numbers AS text[])))
    """
)
# That it is not null is asked afterwards, or all of cases_merged_into would be read.
MERGED_INTO = text(
    """
    SELECT DISTINCT tenant, merged_into AS case_no FROM cases WHERE (tenant, case_no) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:numbers AS text[])))
    """
)
PARENTS = text(
    """
    SELECT DISTINCT tenant, parent AS case_no FROM cases WHERE (tenant, parent) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:numbers AS text[])))
    """
)
MOVE = text(
    """
    UPDATE cases SET state = new.state, moved_at = new.moved_at, moved_rank = new.moved_rank,
        moved_by = new.moved_by, closed_at = new.closed_at, closed_by = new.closed_by,
        closed_order_id = new.closed_order_id, promised_at = new.promised_at, handle_by = new.handle_by,
        reopened_times = new.reopened_times, opened = new.opened, merged_into = new.merged_into,
        parent = new.parent, settled_at = new.settled_at, timeline_length = new.timeline_length,
        timeline_hash = new.timeline_hash, changed_at = new.changed_at
    FROM unnest(
        CAST(:tenant AS text[]), CAST(:case_id AS uuid[]), CAST(:state AS text[]), CAST(:moved_at AS timestamptz[]),
        CAST(:moved_rank AS smallint[]), CAST(:moved_by AS uuid[]), CAST(:closed_at AS timestamptz[]),
        CAST(:closed_by AS uuid[]), CAST(:closed_order_id AS uuid[]), CAST(:promised_at AS timestamptz[]),
        CAST(:handle_by AS timestamptz[]), CAST(:reopened_times AS smallint[]), CAST(:opened AS smallint[]),
        CAST(:merged_into AS text[]), CAST(:parent AS text[]), CAST(:settled_at AS timestamptz[]),
        CAST(:timeline_length AS int[]), CAST(:timeline_hash AS bytea[]), CAST(:changed_at AS timestamptz[])
    ) AS new(tenant, case_id, state, moved_at, moved_rank, moved_by, closed_at, closed_by, closed_order_id,
        promised_at, handle_by, reopened_times, opened, merged_into, parent, settled_at, timeline_length,
        timeline_hash, changed_at)
    WHERE cases.tenant = new.tenant AND cases.case_id = new.case_id
    """
)
RECORDED = text(
    """
    SELECT entry_id FROM timeline JOIN unnest(
        CAST(:tenants AS text[]), CAST(:ids AS uuid[]), CAST(:entries AS uuid[])) AS asked (tenant, case_id, entry_id)
        USING (tenant, case_id, entry_id)
    """
)
EVALUATIONS = text(
    """
    SELECT case_id, by_case, satisfied, words, reopened FROM evaluations
    WHERE (tenant, case_id, closing) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS uuid[]), CAST(:closings AS uuid[])))
    """
)


async def lock_by_id(db: Database, keys: Iterable[tuple[str, UUID]]) -> dict[tuple[str, UUID], Known]:
    tenants, ids = columns_of(sorted(set(keys)), 2)
    found = [_known(row) for row in await db.rows(LOCK_BY_ID, {"tenants": tenants, "ids": ids})]
    return {(case.tenant, case.case_id): case for case in found}


async def lock_by_number(db: Database, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Known]:
    tenants, numbers = columns_of(sorted(set(keys)), 2)
    found = [_known(r) for r in await db.rows(LOCK_BY_NUMBER, {"tenants": tenants, "numbers": numbers})]
    return {(case.tenant, case.case_no): case for case in found}


async def followed(db: Database, codes: Iterable[str]) -> dict[str, tuple[str, str, str]]:
    """By tracking code (street, the reporter's own case, the case that it follows): two where it was merged."""
    rows = await db.rows(FOLLOWED, {"codes": sorted(set(codes))})
    return {row.tracking_code: (row.tenant, row.case_no, row.followed) for row in rows}


async def survivors(db: Database, keys: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the cases into which others were merged."""
    return await _named(db, SURVIVORS, keys)


async def merged_into(db: Database, keys: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """The cases into which any of these were merged."""
    return await _named(db, MERGED_INTO, keys)


async def parents(db: Database, keys: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the cases that have children."""
    return await _named(db, PARENTS, keys)


async def _named(db: Database, statement: TextClause, keys: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    tenants, numbers = columns_of(sorted(set(keys)), 2)
    rows = await db.rows(statement, {"tenants": tenants, "numbers": numbers})
    return {(row.tenant, row.case_no) for row in rows if row.case_no is not None}


async def recorded(db: Database, entries: Iterable[tuple[str, UUID, UUID]]) -> set[UUID]:
    """Those of (tenant, case, entry) that a timeline has already."""
    tenants, ids, of = columns_of(sorted(set(entries)), 3)
    return {row.entry_id for row in await db.rows(RECORDED, {"tenants": tenants, "ids": ids, "entries": of})}


async def move(db: Database, cases: Sequence[tuple[Known, Standing, Head]]) -> None:
    """Write how the cases stand now, and where their timelines end."""
    if not cases:
        return
    rows = [
        {
            "tenant": case.tenant,
            "case_id": case.case_id,
            "state": now.state.value,
            "moved_at": now.moved.at if now.moved else None,
            "moved_rank": now.moved.rank if now.moved else None,
            "moved_by": now.moved.by if now.moved else None,
            "closed_at": now.closing.at if now.closing else None,
            "closed_by": now.closing.by if now.closing else None,
            "closed_order_id": now.closing.order_id if now.closing else None,
            "promised_at": now.promise.at if now.promise else None,
            "handle_by": now.promise.handle_by if now.promise else None,
            "reopened_times": now.reopened_times,
            "opened": now.opened,
            "merged_into": now.merged_into,
            "parent": now.parent,
            "settled_at": now.settled_at,
            "timeline_length": head.length,
            "timeline_hash": head.hash,
            "changed_at": head.at,
        }
        for case, now, head in cases
    ]
    await db.execute(MOVE, {column: [row[column] for row in rows] for column in rows[0]})


CHANGE_APPOINTMENTS = text(
    """
    UPDATE cases SET appointment_starts_at = new.starts_at, appointment_ends_at = new.ends_at,
        appointment_changes = new.changes
    FROM unnest(CAST(:tenant AS text[]), CAST(:case_id AS uuid[]), CAST(:starts_at AS timestamptz[]),
        CAST(:ends_at AS timestamptz[]), CAST(:changes AS smallint[]))
        AS new (tenant, case_id, starts_at, ends_at, changes)
    WHERE cases.tenant = new.tenant AND cases.case_id = new.case_id
    """
)


async def change_appointments(db: Database, changed: Sequence[tuple[Known, Appointment, int]]) -> None:
    """By locked case the new window, and how many changes there were."""
    columns = {
        "tenant": [case.tenant for case, _, _ in changed],
        "case_id": [case.case_id for case, _, _ in changed],
        "starts_at": [wanted.starts_at for _, wanted, _ in changed],
        "ends_at": [wanted.ends_at for _, wanted, _ in changed],
        "changes": [changes for _, _, changes in changed],
    }
    await db.execute(CHANGE_APPOINTMENTS, columns)


_ENTRY = tuple(field.name for field in fields(Entry))


async def append(db: Database, entries: Sequence[tuple[Entry, bytes]]) -> None:
    """Add entries with their hashes to the timelines."""
    await db.insert(TimelineEntry, [{**{f: getattr(e, f) for f in _ENTRY}, "hash": hash} for e, hash in entries])


async def evaluations(db: Database, cases: Iterable[Known]) -> dict[UUID, dict[str, Evaluation]]:
    """By case, and by the number under which they were given, the evaluations of its latest closing."""
    closed = [(c.tenant, c.case_id, c.standing.closing.by) for c in cases if c.standing.closing]
    tenants, ids, closings = columns_of(closed, 3)
    rows = await db.rows(EVALUATIONS, {"tenants": tenants, "ids": ids, "closings": closings})
    found: dict[UUID, dict[str, Evaluation]] = {}
    for row in rows:
        found.setdefault(row.case_id, {})[row.by_case] = Evaluation(row.satisfied, row.words, row.reopened)
    return found


async def insert_evaluations(db: Database, rows: Sequence[Mapping[str, Any]]) -> None:
    await db.insert(EvaluationRow, rows)


def _known(row: Record) -> Known:
    standing = Standing(
        state=State(row["state"]),
        moved=Moved(row["moved_at"], row["moved_rank"], row["moved_by"]) if row["moved_at"] else None,
        closing=Closing(row["closed_at"], row["closed_by"], row["closed_order_id"]) if row["closed_at"] else None,
        promise=Promise(row["promised_at"], row["handle_by"]) if row["promised_at"] else None,
        reopened_times=row["reopened_times"],
        opened=row["opened"],
        merged_into=row["merged_into"],
        parent=row["parent"],
        settled_at=row["settled_at"],
    )
    head = Head(row["timeline_length"], bytes(row["timeline_hash"]), row["changed_at"])
    return Known(row["tenant"], row["case_id"], row["case_no"], row, standing, head)
