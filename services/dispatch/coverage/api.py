"""Coverage over HTTP: how much of what was planned was visited, and what was missed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from libs.chassis.db.database import Database, Record
from libs.chassis.handlers import Refused
from libs.chassis.http import DatabaseDep, LanguageDep, RefusedRequest
from libs.chassis.pages import csv_headers, csv_lines, heads
from libs.contracts.message import GridCode, Tenant
from libs.contracts.values import LEVELS_ZH, Level
from libs.sentences import Language, Sentence
from libs.street_time import local_minutes
from services.dispatch.coverage import tables
from services.dispatch.coverage.domain import level_below, roll_up
from services.dispatch.street.domain.street import Street
from services.dispatch.street.lookup import street_or_404, unit_or_404

router = APIRouter(tags=["patrols"])

DAYS_AT_MOST = 31
AS_TABLE: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


TITLES = {
    "day": "日期",
    "unit": "网格代码",
    "unit_name": "网格",
    "level": "层级",
    "planned": "应巡",
    "visited": "已巡",
    "late": "逾期巡查",
    "missed": "漏巡",
    "open": "未到期",
    "percent": "覆盖率（%）",
    "org_id": "组织编号",
    "member_id": "成员编号",
    "campaign_id": "专项行动编号",
    "name_zh": "专项行动",
    "name_en": "英文名称",
    "planned_at": "计划时间",
    "visit_by": "巡查时限",
}
"""Of the columns of a table, for Chinese readers."""


class CoverageView(BaseModel):
    """Of a day and a unit; `planned` is the sum of `visited`, `late`, `missed` and `open`."""

    day: date
    unit: str
    unit_name: str
    level: Level
    planned: int
    visited: int
    late: int
    missed: int
    open: int
    percent: float


class MissedView(BaseModel):
    day: date
    unit: str
    unit_name: str
    org_id: str
    member_id: str | None
    campaign_id: UUID
    name_zh: str
    name_en: str
    planned_at: datetime
    visit_by: datetime


class Days(BaseModel):
    """Days of the street; one, when only the first is said."""

    tenant: Tenant
    first: date
    last: date | None = None
    under: GridCode | None = Field(None, description="The unit whose part of the tree is meant; the street without it.")
    campaign_id: UUID | None = None
    format: Literal["json", "csv"] = Field("json", description="csv: a table for a spreadsheet.")

    def until(self) -> date:
        return self.last or self.first


DaysAsked = Annotated[Days, Query()]


class CoverageAsked(Days):
    level: Level | None = Field(None, description="Rolled up to this level; the one below `under` without it.")


@router.get("/v1/patrols/coverage", response_model=list[CoverageView], responses=AS_TABLE)
async def show_coverage(asked: Annotated[CoverageAsked, Query()], db: DatabaseDep, language: LanguageDep) -> Response:
    """覆盖率: visited of planned, by day, rolled up the grid tree."""
    street, under = await _where(db, asked)
    level = asked.level or level_below(street.units[under].level)
    counts = await tables.coverage(db, asked.tenant, asked.first, asked.until(), asked.campaign_id)
    covered = [CoverageView(**asdict(each), percent=each.percent) for each in roll_up(counts, street, under, level)]
    return _table(covered, CoverageView, asked.format, "coverage", language)


@router.get("/v1/patrols/missed", response_model=list[MissedView], responses=AS_TABLE)
async def list_missed(asked: DaysAsked, db: DatabaseDep, language: LanguageDep) -> Response:
    """Every task that nobody has visited when its time was over."""
    street, under = await _where(db, asked)
    rows = await tables.missed(db, asked.tenant, asked.first, asked.until(), asked.campaign_id)
    views = [_missed(row, street) for row in rows if street.is_below(row.unit, under)]
    return _table(views, MissedView, asked.format, "missed", language)


async def _where(db: Database, asked: Days) -> tuple[Street, str]:
    street = await street_or_404(db, asked.tenant)
    under = asked.under or asked.tenant
    unit_or_404(street, under)
    if not timedelta(0) <= asked.until() - asked.first < timedelta(days=DAYS_AT_MOST):
        zh = f"last：应不早于 {asked.first}，一次最多 {DAYS_AT_MOST} 天。"
        en = f"last: it is {asked.first} or later, and {DAYS_AT_MOST} days at most are shown at once."
        detail = Sentence(zh, en)
        raise RefusedRequest(Refused(422, "Invalid request", detail))
    return street, under


def _table(rows: Sequence[BaseModel], kind: type[BaseModel], format: str, name: str, language: Language) -> Response:
    """As JSON, or as CSV that a spreadsheet opens: with a byte order mark, and times of the street."""
    if format == "json":
        return JSONResponse([row.model_dump(mode="json") for row in rows])
    titles = heads({column: TITLES[column] for column in kind.model_fields}, language)
    lines = csv_lines([titles, *(_cells(row.model_dump().values(), language) for row in rows)])
    return Response(
        lines.encode("utf-8-sig"), headers=csv_headers(name, language), media_type="text/csv; charset=utf-8"
    )


def _cells(values: Iterable[Any], language: Language) -> list[Any]:
    told = [LEVELS_ZH[v] if isinstance(v, Level) and language is Language.ZH else v for v in values]
    return [local_minutes(v) if isinstance(v, datetime) else v for v in told]


def _missed(row: Record, street: Street) -> MissedView:
    unit = street.units[row.unit]
    return MissedView(
        unit_name=unit.name,
        org_id=unit.org_id,
        **{name: getattr(row, name) for name in MissedView.model_fields if name not in ("unit_name", "org_id")},
    )
