"""Rounds, their tasks and visits: every query on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from itertools import islice
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Column, Date, Float, Integer, text
from sqlmodel import Field

from libs.chassis.db.columns import bytes_column, json_column, select, text_column, time_column
from libs.chassis.db.database import Database, Record
from services.dispatch.campaigns.domain.campaign import Item
from services.dispatch.patrols.domain.patrol import Round, State, Task
from services.dispatch.patrols.domain.visit import Visit, fingerprint
from services.dispatch.table import DispatchTable


class RoundRow(DispatchTable, table=True):
    __tablename__ = "patrol_rounds"

    round_id: UUID = Field(primary_key=True)
    tenant: str = text_column()
    campaign_id: UUID
    name_zh: str = text_column()
    name_en: str = text_column()
    planned_at: datetime = time_column()
    visit_by: datetime = time_column()
    checklist: list[Any] = json_column()
    category: str = text_column()
    helpers: list[str] = json_column()


class TaskRow(DispatchTable, table=True):
    """`day` of the street is the round's, for the days that coverage is asked for."""

    __tablename__ = "patrol_tasks"

    round_id: UUID = Field(primary_key=True)
    unit: str = text_column(key=True)
    tenant: str = text_column()
    day: date = Field(sa_column=Column(Date, nullable=False))
    member_id: str | None = text_column(nullable=True)
    state: str = text_column()


class VisitRow(DispatchTable, table=True):
    """The key is the sender's; by the fingerprint another visit under the same key is known."""

    __tablename__ = "visits"

    visit_id: UUID = Field(primary_key=True)
    tenant: str = text_column()
    key: str = text_column()
    fingerprint: bytes = bytes_column()
    round_id: UUID
    unit: str = text_column()
    member_id: str = text_column()
    org_id: str = text_column()
    visited_at: datetime = time_column()
    received_at: datetime = time_column()
    longitude: float = Field(sa_column=Column(Float, nullable=False))
    latitude: float = Field(sa_column=Column(Float, nullable=False))
    metres_off: int | None = Field(sa_column=Column(Integer))
    in_place: bool
    on_time: bool
    first: bool
    answers: list[Any] = json_column()


_CHECKLIST = TypeAdapter(tuple[Item, ...])

TASKS_AT_ONCE = 20_000
"""Of a round of a province; a street's are inserted in one statement."""

TaskKey = tuple[UUID, str]
"""(round, unit)"""

LOCK_TASKS = text(
    """
    SELECT t.round_id, t.unit, t.state FROM patrol_tasks t
    JOIN unnest(CAST(:rounds AS uuid[]), CAST(:units AS text[])) AS asked (round_id, unit) USING (round_id, unit)
    ORDER BY t.round_id, t.unit FOR UPDATE OF t
    """
)
# Locked in the sequence in which visits lock them.
LAPSE = text(
    """
    WITH left_over AS MATERIALIZED (
        SELECT round_id, unit FROM patrol_tasks WHERE round_id = ANY(CAST(:rounds AS uuid[])) AND state = 'planned'
        ORDER BY round_id, unit FOR UPDATE)
    UPDATE patrol_tasks t SET state = 'missed' FROM left_over l WHERE t.round_id = l.round_id AND t.unit = l.unit
    RETURNING t.round_id, t.unit
    """
)
VISITS_BY_KEY = text(
    """
    SELECT v.*, ARRAY(SELECT f.finding_id FROM findings f WHERE f.visit_id = v.visit_id ORDER BY f.finding_id)
        AS finding_ids
    FROM visits v JOIN unnest(CAST(:tenants AS text[]), CAST(:keys AS text[])) AS asked (tenant, key)
        USING (tenant, key)
    """
)
TASK_COLUMNS = (
    "t.round_id, t.unit, t.day, t.member_id, t.state, r.campaign_id, r.name_zh, r.name_en, r.planned_at, r.visit_by"
)
TO_DO = text(
    f"""
    SELECT {TASK_COLUMNS}, r.checklist FROM patrol_tasks t JOIN patrol_rounds r USING (round_id)
    WHERE t.tenant = :tenant AND t.member_id = :member_id AND t.state = 'planned' ORDER BY t.round_id, t.unit
    """
)
OF_ROUND = text(
    f"""
    SELECT {TASK_COLUMNS} FROM patrol_tasks t JOIN patrol_rounds r USING (round_id)
    WHERE t.round_id = :round_id AND t.tenant = :tenant AND t.unit > :after ORDER BY t.unit LIMIT :limit
    """
)
ROUNDS = text(
    """
    SELECT r.round_id, r.campaign_id, r.name_zh, r.name_en, r.planned_at, r.visit_by FROM patrol_rounds r
    WHERE r.campaign_id = :campaign_id AND r.tenant = :tenant AND r.planned_at < :before
    ORDER BY r.planned_at DESC LIMIT :limit
    """
)
VISIT = text("SELECT * FROM visits WHERE visit_id = :visit_id AND tenant = :tenant")
VISITS_OF_TASK = text(
    "SELECT * FROM visits WHERE round_id = :round_id AND unit = :unit AND tenant = :tenant ORDER BY visit_id"
)
FINDINGS = text("SELECT * FROM findings WHERE visit_id = ANY(CAST(:visits AS uuid[])) ORDER BY finding_id")


async def insert_rounds(db: Database, planned: Sequence[tuple[Round, Sequence[Task]]]) -> set[UUID]:
    """The ids of those that are new: a campaign has one round for each of its times."""
    rows = [_round_row(each) for each, _ in planned]
    new = set(await db.insert(RoundRow, rows, skip_existing=True, returning="round_id"))
    tasks = (
        {
            "round_id": each.round_id,
            "unit": task.unit,
            "tenant": each.tenant,
            "day": each.day,
            "member_id": task.member_id,
            "state": State.PLANNED,
        }
        for each, tasks in planned
        if each.round_id in new
        for task in tasks
    )
    while some := list(islice(tasks, TASKS_AT_ONCE)):
        await db.insert(TaskRow, some)
    return new


ROUNDS_BY_ID = select(RoundRow, "WHERE round_id = ANY(CAST(:ids AS uuid[]))")


async def rounds_by_id(db: Database, ids: Iterable[UUID]) -> dict[UUID, Round]:
    rows = await db.rows(ROUNDS_BY_ID, {"ids": sorted(set(ids))})
    return {row.round_id: _round(row) for row in rows}


async def lock_tasks(db: Database, keys: Iterable[TaskKey]) -> dict[TaskKey, State]:
    """The states of the tasks, which stay as they are until the transaction ends."""
    asked = sorted(set(keys))
    rows = await db.rows(LOCK_TASKS, {"rounds": [r for r, _ in asked], "units": [u for _, u in asked]})
    return {(row.round_id, row.unit): State(row.state) for row in rows}


async def update_tasks(db: Database, states: Mapping[TaskKey, State]) -> None:
    rows = [{"round_id": round_id, "unit": unit, "state": state} for (round_id, unit), state in states.items()]
    await db.update(TaskRow, ["round_id", "unit"], rows)


async def lapse(db: Database, rounds: Iterable[UUID]) -> dict[UUID, list[str]]:
    """The units of each round that nobody has visited; from now on they are missed."""
    missed: dict[UUID, list[str]] = {}
    for row in await db.rows(LAPSE, {"rounds": sorted(rounds)}):
        missed.setdefault(row.round_id, []).append(row.unit)
    return missed


async def visits_by_key(db: Database, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Record]:
    """Visits that are known by (tenant, key), with the ids of their findings."""
    asked = sorted(set(keys))
    rows = await db.rows(VISITS_BY_KEY, {"tenants": [t for t, _ in asked], "keys": [k for _, k in asked]})
    return {(row.tenant, row.key): row for row in rows}


async def insert_visits(db: Database, visits: Sequence[Visit], now: datetime) -> None:
    await db.insert(VisitRow, [_visit_row(visit, now) for visit in visits])


async def to_do(db: Database, tenant: str, member_id: str) -> Sequence[Record]:
    """What a member has yet to visit, with the checklists."""
    return await db.rows(TO_DO, {"tenant": tenant, "member_id": member_id})


async def rounds_of(db: Database, tenant: str, campaign_id: UUID, before: datetime, limit: int) -> Sequence[Record]:
    """The latest first."""
    page = {"tenant": tenant, "campaign_id": campaign_id, "before": before, "limit": limit}
    return await db.rows(ROUNDS, page)


async def tasks_of(db: Database, tenant: str, round_id: UUID, after: str, limit: int) -> Sequence[Record]:
    """By unit."""
    return await db.rows(OF_ROUND, {"tenant": tenant, "round_id": round_id, "after": after, "limit": limit})


async def visit_with_findings(db: Database, tenant: str, visit_id: UUID) -> tuple[Record, Sequence[Record]] | None:
    row = await db.one(VISIT, {"tenant": tenant, "visit_id": visit_id})
    return (row, await db.rows(FINDINGS, {"visits": [visit_id]})) if row is not None else None


async def visits_of(db: Database, tenant: str, round_id: UUID, unit: str) -> Sequence[tuple[Record, list[Record]]]:
    """The visits of a task, each with its findings."""
    visits = await db.rows(VISITS_OF_TASK, {"tenant": tenant, "round_id": round_id, "unit": unit})
    findings = await db.rows(FINDINGS, {"visits": [row.visit_id for row in visits]})
    return [(row, [f for f in findings if f.visit_id == row.visit_id]) for row in visits]


def _round_row(of: Round) -> dict[str, Any]:
    names = ("round_id", "tenant", "campaign_id", "name_zh", "name_en", "planned_at", "visit_by", "category")
    lists = {"checklist": [asdict(item) for item in of.checklist], "helpers": list(of.helpers)}
    return {name: getattr(of, name) for name in names} | lists


def _round(row: Record) -> Round:
    return Round(
        row.round_id,
        row.tenant,
        row.campaign_id,
        row.name_zh,
        row.name_en,
        row.planned_at,
        row.visit_by,
        _CHECKLIST.validate_python(row.checklist),
        row.category,
        tuple(row.helpers),
    )


def _visit_row(visit: Visit, now: datetime) -> dict[str, Any]:
    said = visit.said
    return {
        "visit_id": visit.visit_id,
        "tenant": said.tenant,
        "key": said.key,
        "fingerprint": fingerprint(said),
        "round_id": said.round_id,
        "unit": said.unit,
        "member_id": said.member_id,
        "org_id": visit.org_id,
        "visited_at": said.visited_at,
        "received_at": now,
        "longitude": said.point[0],
        "latitude": said.point[1],
        "metres_off": visit.metres_off,
        "in_place": visit.in_place,
        "on_time": visit.on_time,
        "first": visit.first,
        "answers": [asdict(answer) for answer in said.answers],
    }
