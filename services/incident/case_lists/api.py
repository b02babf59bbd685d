"""Cases of a street for staff, over HTTP: lists, counts, a file, and one case with its timeline."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, Field, StringConstraints

from libs.chassis.beginning import LINES_ANSWER, as_lines
from libs.chassis.http import DatabaseDep, LanguageDep, OfStreet, not_found
from libs.chassis.pages import CSV_ANSWER, Page, as_csv, counter, decode_cursor, slice_page
from libs.contracts.incident import Sender
from libs.contracts.message import CategoryCode, Moment, Tenant
from libs.contracts.values import RequestKind
from libs.sentences import Sentence
from services.incident.case_lists import tables, views
from services.incident.case_lists.views import CSV_COLUMNS, CaseLine, ChildView, StaffView
from services.incident.cases import tables as case_tables
from services.incident.cases.domain.case import State
from services.incident.cases.requests import CaseNo, case_or_404
from services.incident.categories.requests import street_or_404
from services.incident.street_evaluations import tables as evaluation_tables
from services.incident.street_evaluations.api import StreetEvaluated

router = APIRouter(tags=["staff"])


class Wanted(BaseModel):
    """Which cases a list shows. What is left out is not asked about."""

    tenant: Tenant = Field(description="The street's 9-digit code.", examples=["370784004"])
    state: list[State] = Field([], description="Any of these.", examples=[["registered", "in_progress"]])
    category: CategoryCode | None = Field(None, examples=["11001"])
    request_kind: RequestKind | None = None
    sender: Sender | None = Field(None, description="Reported by this system or page.", examples=["hotline-12345"])
    since: Moment | None = Field(None, description="Reported then or later, with an offset or Z.")
    until: Moment | None = Field(None, description="Reported before.")
    words: Annotated[str, StringConstraints(min_length=2, max_length=100, pattern=r"^[^\x00]*$")] | None = Field(
        None, description="Their text holds this, in capital or small letters.", examples=["路灯"]
    )
    settled: bool | None = Field(None, description="Whether the reporter's time to say something is over.")

    def parameters(self) -> dict[str, Any]:
        return {**self.model_dump(exclude={"state"}), "states": [str(state) for state in self.state or State]}


OfSender = Annotated[Sender | None, Query(description="Reported by this system or page.", examples=["hotline-12345"])]


class WantedPage(Wanted):
    sort: Literal["newest", "oldest"] = "newest"
    after: str | None = Field(None, description="`next` of the page before.", max_length=100)
    limit: int = Field(50, ge=1, le=500)


@router.get("/v1/cases")
async def cases(wanted: Annotated[WantedPage, Query()], db: DatabaseDep) -> Page[CaseLine]:
    """Cases of a street, a page at a time, by when they were reported."""
    await street_or_404(db, wanted.tenant)
    after, asked = decode_cursor(wanted.after), wanted.parameters()
    newest = wanted.sort == "newest"
    rows = await tables.cases(db, asked, after, wanted.limit, newest=newest)
    count = counter(db, tables.count_of(asked), asked) if after is None else None
    found = await slice_page(rows, wanted.limit, "case_id", count)
    return Page(items=[views.case_line(row) for row in found.rows], next=found.next, total=found.total)


@router.get("/v1/cases.csv", response_class=StreamingResponse, responses=CSV_ANSWER)
async def cases_as_csv(
    wanted: Annotated[Wanted, Query()], request: Request, language: LanguageDep, db: DatabaseDep
) -> StreamingResponse:
    """The same as a file for spreadsheets, all of them, from the oldest on."""
    await street_or_404(db, wanted.tenant)
    asked = wanted.parameters()
    return as_csv(
        request.app.state.engine,
        tables.export_of(asked),
        asked,
        CSV_COLUMNS,
        partial(views.csv_line, language=language),
        f"cases-{wanted.tenant}",
        language,
    )


@router.get("/v1/cases.jsonl", response_class=StreamingResponse, responses=LINES_ANSWER)
async def cases_as_they_are(tenant: OfStreet, request: Request, db: DatabaseDep, sender: OfSender = None) -> Response:
    """Every case as it is now, as JSON Lines, and from where on the stream INCIDENT tells what comes after.

    The first line says where (`stream`, `after_sequence`, `already`), each after it is a case, the last how many
    there were.
    """
    await street_or_404(db, tenant)
    asked = Wanted(tenant=tenant, sender=sender).parameters()
    return await as_lines(request, "incident", tenant, tables.export_of(asked), asked, views.present)


@router.get("/v1/cases/counts")
async def case_counts(tenant: OfStreet, db: DatabaseDep) -> dict[State, int]:
    """How many cases of a street are in each state."""
    await street_or_404(db, tenant)
    counted = await tables.counts(db, tenant)
    return {state: counted.get(state, 0) for state in State}


@router.get("/v1/cases/{case_no}")
async def case(
    case_no: CaseNo,
    tenant: OfStreet,
    db: DatabaseDep,
    as_of: Annotated[
        Moment | None, Query(description="How it stood by what was known at this time, with an offset or Z.")
    ] = None,
) -> StaffView:
    """A case with its whole timeline."""
    found = await case_or_404(db, tenant, case_no)
    timeline = await case_tables.timeline(db, found)
    shown = views.staff_view(found, timeline) if as_of is None else views.staff_view_at(found, timeline, as_of)
    if shown is None:
        since = found.reported_at.isoformat()
        zh = f"案件 {case_no} 上报于 {since}，此前没有。"
        raise not_found(Sentence(zh, f"Case {case_no} was not reported before {since}."))
    children = [ChildView(**child) for child in await tables.children(db, found)]
    said = await evaluation_tables.of_case(db, found) if found.closed_by else None
    if said is not None and (as_of is None or said.evaluated_at <= as_of):
        shown = shown.model_copy(update={"street_evaluation": StreetEvaluated.model_validate(said)})
    return shown.model_copy(update={"joined": await tables.joined(db, found), "children": children})
