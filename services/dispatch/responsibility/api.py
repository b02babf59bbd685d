"""The responsibility list (权责清单) over HTTP: looked at in any version, taken away, previewed and imported."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from libs.chassis.db.database import Database, transaction
from libs.chassis.http import CommandsDep, DatabaseDep, LanguageDep, OfStreet, RefusedRequest, not_found
from libs.chassis.pages import CSV_ANSWER, UNFIT_CURSOR, Page
from libs.chassis.uploads import OneSheet, file_body, refused_file
from libs.contracts.values import Level, OrgKind, Registration, Unanswered
from libs.sentences import Language, Sentence
from libs.sheets.mistakes import Mistaken
from libs.sheets.workbook import OVER_HTTP
from services.dispatch.calendar.domain import TimeUnit
from services.dispatch.responsibility import file as responsibility_file
from services.dispatch.responsibility import importing as responsibility_list
from services.dispatch.responsibility import tables as list_tables
from services.dispatch.responsibility.domain.commands import ImportList
from services.dispatch.responsibility.file import ListFile
from services.dispatch.responsibility.importing import ListChange
from services.dispatch.responsibility.tables import BEFORE_ALL
from services.dispatch.street.domain.responsibility import Responsibility
from services.dispatch.street.lookup import street_or_404
from services.dispatch.street.tables import Key, key_of

router = APIRouter(tags=["responsibility list"])

PATH = "/v1/responsibility-list"
BODY_BYTES = dict.fromkeys((PATH, f"{PATH}/preview"), OVER_HTTP.bytes)

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FILE = file_body("CSV (UTF-8 or GB18030) or XLSX")
XLSX_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"description": "The list as a workbook.", "content": {XLSX: {"schema": {"type": "string"}}}}
}


class Headers(StrEnum):
    """The names of the columns, and the words in them, as programs or as clerks call them."""

    CODES = "codes"
    ZH = "zh"


class RowView(BaseModel):
    """A row of the list, with the version in which it came to be as it is."""

    category: str
    name_zh: str
    name_en: str
    area: str
    kind: str
    registration: Registration
    start_level: Level
    org_kind: OrgKind
    skills: str
    claim_amount: int
    claim_unit: TimeUnit
    handle_amount: int
    handle_unit: TimeUnit
    check_amount: int
    check_unit: TimeUnit
    evidence: str
    points: int
    standard_ref: str
    condition: str = Field(examples=["request_kind=errand;hours=off"])
    effective_from: date | None = Field(description="The first day; null: since ever.")
    effective_until: date | None = Field(description="The last day; null: for ever.")
    unanswered: Unanswered
    helpers: str = Field(description="Who helps with every order of the row.", examples=["community;37078400402"])
    version: int


class VersionView(BaseModel):
    """An import that changed the list, and how many rows it added, changed and removed."""

    version: int
    imported_at: datetime
    added: int
    changed: int
    removed: int


class CellChange(BaseModel):
    column: str
    before: str | int | date | None
    after: str | int | date | None


class RowChange(BaseModel):
    """A row that stays, and its cells that differ."""

    category: str
    condition: str
    effective_from: date | None
    cells: list[CellChange]


class ChangeView(BaseModel):
    """What an import changes. `version` is that of the list: before a preview, after an import."""

    version: int
    remarks: list[str] = Field(
        description="How the file was read: encoding, sheet, lines above the header, columns passed over, merged cells."
    )
    added: list[RowView]
    changed: list[RowChange]
    removed: list[RowView]


Version = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Of the list; without it, the one of now.")]
AsOf = Annotated[date | None, Query(description="Only rows that apply on this day; without it, all.")]


@router.get(PATH)
async def show_list(
    db: DatabaseDep,
    tenant: OfStreet,
    version: Version = None,
    as_of: AsOf = None,
    after: Annotated[str | None, Query(description="`next` of the page before.", max_length=1000)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[RowView]:
    """权责清单, a page at a time."""
    found = await list_tables.rows_of_version(
        db, tenant, await _version(db, tenant, version), as_of, _position(after), limit + 1
    )
    shown = found[:limit]
    return Page(items=list(map(_view, shown)), next=_cursor(shown[-1]) if len(found) > limit else None, total=None)


@router.get(f"{PATH}.csv", response_class=Response, responses=CSV_ANSWER)
async def list_as_csv(
    db: DatabaseDep, tenant: OfStreet, version: Version = None, as_of: AsOf = None, headers: Headers = Headers.CODES
) -> Response:
    """As a file that can be imported again."""
    rows = await list_tables.rows_of_version(db, tenant, await _version(db, tenant, version), as_of)
    content = responsibility_file.as_csv(rows, chinese=headers is Headers.ZH)
    return Response(content, media_type="text/csv; charset=utf-8", headers=_named(f"responsibility-{tenant}.csv"))


@router.get(f"{PATH}.xlsx", response_class=Response, responses=XLSX_ANSWER)
async def list_as_xlsx(
    db: DatabaseDep, tenant: OfStreet, version: Version = None, as_of: AsOf = None, headers: Headers = Headers.CODES
) -> Response:
    """As a workbook that can be imported again."""
    rows = await list_tables.rows_of_version(db, tenant, await _version(db, tenant, version), as_of)
    content = await asyncio.to_thread(partial(responsibility_file.as_xlsx, rows, chinese=headers is Headers.ZH))
    return Response(content, media_type=XLSX, headers=_named(f"responsibility-{tenant}.xlsx"))


@router.get(f"{PATH}/versions")
async def list_versions(
    db: DatabaseDep, tenant: OfStreet, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> list[VersionView]:
    """The imports that changed the list, the latest first."""
    await street_or_404(db, tenant)
    found = await list_tables.versions(db, tenant, limit)
    return [VersionView.model_validate(row, from_attributes=True) for row in found]


@router.post(f"{PATH}/preview", openapi_extra=FILE)
async def preview(request: Request, tenant: OfStreet, language: LanguageDep, sheet: OneSheet = None) -> ChangeView:
    """What an import of the file would change, cell by cell. Nothing is changed."""
    file = await _file(request, tenant, sheet)
    async with transaction(request.app.state.engine) as db:
        change = await responsibility_list.compare(db, tenant, file.rows, request.app.state.clock.now())
        return _change(change, file.remarks, language)


@router.put(PATH, openapi_extra=FILE)
async def import_list(
    request: Request,
    commands: CommandsDep,
    tenant: OfStreet,
    language: LanguageDep,
    sheet: OneSheet = None,
    onto: Annotated[
        int | None, Query(ge=0, le=2**31 - 1, description="Import only if the list still has this version.")
    ] = None,
) -> ChangeView:
    """导入. The list becomes what the file says, whole or not at all; orders that are there keep what they were made
    under."""
    file = await _file(request, tenant, sheet)
    change = await commands.send(ImportList(tenant, tuple(file.rows), onto))
    return _change(change, file.remarks, language)


async def _file(request: Request, tenant: str, sheet: str | None) -> ListFile:
    content = await request.body()
    async with transaction(request.app.state.engine) as db:
        street = await street_or_404(db, tenant)
    try:
        # In a thread: a workbook of some thousand lines takes seconds, in which nobody else would be answered.
        return await asyncio.to_thread(responsibility_file.read, content, street.units, sheet)
    except Mistaken as error:
        raise RefusedRequest(refused_file(error)) from None


async def _version(db: Database, tenant: str, version: int | None) -> int:
    await street_or_404(db, tenant)
    known = await list_tables.versions(db, tenant, 1)
    latest = known[0].version if known else 0
    if version is not None and version > latest:
        zh = f"{tenant} 的清单没有第 {version} 版，最新的是第 {latest} 版"
        raise not_found(Sentence(zh, f"the list of {tenant} has no version {version}; the latest is {latest}"))
    return version or latest


def _view(row: Responsibility) -> RowView:
    return RowView.model_validate({**responsibility_file.cells(row), "version": row.version})


def _change(change: ListChange, remarks: Sequence[Sentence], language: Language) -> ChangeView:
    return ChangeView(
        version=change.version,
        remarks=[each.told(language) for each in (*remarks, *change.stops)],
        added=list(map(_view, change.added)),
        changed=[_cells(before, after) for before, after in change.changed],
        removed=list(map(_view, change.removed)),
    )


def _cells(before: Responsibility, after: Responsibility) -> RowChange:
    old, new = responsibility_file.cells(before), responsibility_file.cells(after)
    changed = [CellChange(column=name, before=old[name], after=new[name]) for name in new if old[name] != new[name]]
    return RowChange.model_validate({**new, "cells": changed})


def _cursor(row: Responsibility) -> str:
    return urlsafe_b64encode(json.dumps(key_of(row), default=str).encode()).decode().rstrip("=")


def _position(after: str | None) -> Key:
    if after is None:
        return BEFORE_ALL
    try:
        category, condition, day = json.loads(urlsafe_b64decode(after + "=" * (-len(after) % 4)))
        key = str(category), str(condition), date.fromisoformat(day)
    except (ValueError, TypeError):
        raise RefusedRequest(UNFIT_CURSOR) from None
    if not (key[0].isprintable() and key[1].isprintable()):
        raise RefusedRequest(UNFIT_CURSOR)
    return key


def _named(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}"'}
