"""A small service for tests of the chassis: it writes down what it hears, and says what it is told to say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

import asyncpg
from fastapi import APIRouter
from opentelemetry.sdk.trace.export import SpanExporter
from sqlalchemy import MetaData, text
from sqlmodel import Field, SQLModel

from deploy.local.servers.nats_and_postgres import Servers
from libs.chassis.db import schema
from libs.chassis.db.database import Database
from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Answer, Batch, Done, EventRouter, Timer
from libs.chassis.http import CommandsDep
from libs.chassis.service import Service
from libs.chassis.settings import ServiceSettings
from libs.contracts.incident import CaseClosed, CaseRegistered
from libs.contracts.message import Event
from libs.contracts.scoring import PointsPosted
from libs.contracts.values import Place, RequestKind
from tests.support.stage import NOON, Stage, empty_database, fresh_streams, on_stage

TENANT = "370784004"
BOOM = "boom"
"""The summary of a case that the probe cannot handle."""


class Heard(SQLModel, table=True):
    """The constraint on `summary` is what a poisoned message runs into."""

    metadata = MetaData()
    __tablename__ = "heard"

    position: int | None = Field(default=None, primary_key=True)
    case_id: UUID
    fact: str
    summary: str


class Reminder(Timer):
    key_field: ClassVar[str] = "name"
    name: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    words: str


def router() -> EventRouter:
    probe = EventRouter("scoring")

    @probe.on(CaseRegistered)
    async def write_down(cases: Batch[CaseRegistered], db: Database) -> list[Event]:
        rows = [{"case_id": c.case_id, "fact": "registered", "summary": c.summary} for c in cases]
        await db.insert(Heard, rows)
        return [points(c) for c in cases]

    @probe.on(CaseClosed)
    async def close(cases: Batch[CaseClosed], db: Database) -> list[Event]:
        known = {row.case_id for row in await db.rows(text("SELECT case_id FROM heard WHERE fact = 'registered'"))}
        for case in cases:
            if case.case_id not in known:
                cases.postpone(case, "the case is not registered here yet")
        rows = [{"case_id": c.case_id, "fact": "closed", "summary": ""} for c in cases if c.case_id in known]
        await db.insert(Heard, rows)
        return []

    @probe.due(Reminder)
    async def remind(due: Batch[Reminder], db: Database) -> list[Event]:
        await db.insert(Heard, [{"case_id": new_id(), "fact": "reminder", "summary": r.words or r.name} for r in due])
        return []

    @probe.answers(Note)
    async def take_notes(notes: Batch[Note], db: Database) -> list[Answer]:
        await db.insert(Heard, [{"case_id": new_id(), "fact": "note", "summary": n.words} for n in notes])
        size = len(notes)
        return [Done(size, [points(registered(), member_id="M9")]) for _ in notes]

    return probe


def api() -> APIRouter:
    routes = APIRouter()

    @routes.post("/notes/{words}")
    async def note(words: str, commands: CommandsDep) -> int:
        return int(await commands.send(Note(words)))

    return routes


def points(case: CaseRegistered, member_id: str = "M1") -> PointsPosted:
    return PointsPosted(
        tenant=case.tenant,
        occurred_at=case.occurred_at,
        transaction_id=new_id(),
        member_id=member_id,
        org_id="P1",
        points=1,
        rule="r",
        rules_version=1,
        dimension="d",
        cause_id=case.id,
        case_id=case.case_id,
    )


def registered(summary: str = "路灯不亮") -> CaseRegistered:
    return CaseRegistered(
        id=new_id(),
        correlation_id=new_id(),
        tenant=TENANT,
        occurred_at=NOON,
        case_id=new_id(),
        case_no="1",
        category="11001",
        category_name="路灯不亮",
        request_kind=RequestKind.SNAPSHOT,
        place=Place(name="凌河"),
        summary=summary,
    )


def closed(case: CaseRegistered) -> CaseClosed:
    return CaseClosed(
        id=new_id(),
        correlation_id=case.correlation_id,
        tenant=case.tenant,
        occurred_at=NOON,
        case_id=case.case_id,
        case_no=case.case_no,
        order_id=new_id(),
    )


async def database(servers: Servers, name: str) -> str:
    """A fresh database with the chassis' tables and the probe's own."""
    url = await empty_database(servers.addresses.admin_url, name)
    own = """
    CREATE TABLE heard (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, case_id uuid NOT NULL,
        fact text NOT NULL, summary text NOT NULL CHECK (summary <> 'boom'));
    """
    connection = await asyncpg.connect(url)
    await connection.execute(schema.STEP_1 + own)
    await connection.close()
    return url


def settings(servers: Servers, url: str, **more: object) -> ServiceSettings:
    values: dict[str, object] = {
        "nats_url": servers.addresses.nats_url,
        "database_url": url,
        "sweep_seconds": 0.05,
        "log_level": "ERROR",
        **more,
    }
    return ServiceSettings.model_validate(values)


@asynccontextmanager
async def probe(
    servers: Servers, exporter: SpanExporter | None = None, *, url: str = "", **more: object
) -> AsyncIterator[Stage]:
    """The probe, on a fresh database and empty streams; with `url`, on those that an earlier one left."""
    handlers = router()
    if not url:
        url = await database(servers, "probe")
        await fresh_streams(servers.addresses.nats_url, {"scoring": list(handlers.events)})
    service = Service(settings(servers, url, **more), handlers, api().routes, span_exporter=exporter)
    async with on_stage(service) as stage:
        yield stage


async def heard(stage: Stage, fact: str) -> list[str]:
    async with stage.database() as db:
        rows = await db.rows(text("SELECT summary FROM heard WHERE fact = :fact ORDER BY position"), {"fact": fact})
    return [row.summary for row in rows]
