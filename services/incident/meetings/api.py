"""Meetings and their agenda over HTTP."""

from __future__ import annotations

import secrets
from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from libs.chassis.db.database import Database, Record
from libs.chassis.db.ids import new_id
from libs.chassis.http import Body, CommandsDep, DatabaseDep, OfStreet, not_found
from libs.chassis.pages import Page, decode_cursor, slice_page
from libs.contracts.incident import TEXT_MAX_LENGTH
from libs.contracts.message import CategoryCode, GridCode, MemberId, Moment, Tenant
from libs.contracts.values import Answer, Place
from libs.sealing import Sealer
from libs.sentences import Unfit, none_in_street
from libs.street_time import local_day
from services.incident.cases.domain.case import State
from services.incident.cases.domain.content import place_of
from services.incident.cases.domain.redaction import summarise
from services.incident.cases.domain.tracking_code import TRACKING_BITS, tracking_code
from services.incident.cases.domain.words import STATE_WORDS
from services.incident.cases.requests import (
    CASE_NO,
    ByMember,
    CaseNo,
    Contact,
    Decided,
    InWords,
    Taken,
    fit_key,
    sealer_for,
)
from services.incident.meetings import tables
from services.incident.meetings.domain import (
    CarryOut,
    Matter,
    MeetingKind,
    RecordMeeting,
    StandingMatter,
    no_unit,
)
from services.incident.settings import Settings
from services.incident.units import tables as unit_tables

router = APIRouter(tags=["meetings"])
WEB = "web"
AFTER = Query(description="`next` of the page before.", max_length=100)
LIMIT = Query(ge=1, le=500)


def _words(most: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=most, pattern=r"^[^\x00]*$")


class MatterBody(Body):
    category: CategoryCode
    text: Annotated[str, _words(TEXT_MAX_LENGTH)] = Field(examples=["村口能不能加一盏路灯？"])
    place: Place | None = Field(None, description="null: where the meeting's unit is.")
    reported_by_member: MemberId | None = Field(None, description="Where a member raised it.")
    contact: Contact | None = Field(None, description="Of who raised it; sealed on arrival, as in a report.")

    def matter(self, sealer: Sealer) -> Matter:
        code = tracking_code(secrets.randbits(TRACKING_BITS))
        sealed = sealer.seal(self.contact.to_seal(code)) if self.contact else None
        who = new_id() if sealed else None
        return Matter(self.category, self.text, self.place, self.reported_by_member, who, sealed, code)


class StandingBody(Body):
    case_no: Annotated[str, Field(pattern=CASE_NO, examples=["20261123-000042"])]
    words: Annotated[str, _words(2000)] = Field(description="What the meeting was told of it; for staff.")


class MeetingBody(ByMember):
    """Minutes: when and where, what was raised, and what was said of what had been raised before."""

    kind: MeetingKind
    unit: GridCode = Field(examples=["370784004201"])
    held_at: Moment
    place: Place
    matters: list[MatterBody] = Field([], max_length=50)
    standing: list[StandingBody] = Field([], max_length=200)

    @model_validator(mode="after")
    def _is_about_something(self) -> Self:
        if not self.matters and not self.standing:
            raise Unfit(
                "会议记录要有 matters（新提的事项，1 至 50 件）或 standing（通报的事项）",
                "minutes have matters, 1 to 50 that were raised, or standing ones that were reported on",
            )
        numbers = [each.case_no for each in self.standing]
        if twice := sorted({no for no in numbers if numbers.count(no) > 1}):
            raise Unfit(f"standing 中 {twice[0]} 出现了两次", f"standing names {twice[0]} twice")
        if any("\0" in (place.name or "") for place in (self.place, *(m.place for m in self.matters)) if place):
            raise Unfit("place.name 不能含有字符 U+0000", "place.name may not hold the character U+0000")
        return self


class RecordedView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    meeting_id: UUID
    matters: list[Taken] = Field(description="The cases that the matters have become, in the same sequence.")


class MeetingLine(BaseModel):
    meeting_id: UUID
    kind: MeetingKind
    unit: str
    held_at: datetime
    place: Place
    by_member: str
    recorded_at: datetime


class RaisedView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    case_no: str
    category: str
    category_name: str
    text: str
    state: State
    answer: Answer | None
    planned_for: date | None


class StandingView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    case_no: str
    state: State
    words: str


class MeetingView(MeetingLine):
    matters: list[RaisedView]
    standing: list[StandingView]


class AgendaItem(BaseModel):
    """A proposal that the next meeting hears of."""

    case_no: str
    category: str
    category_name: str
    summary: str
    unit: str = Field(description="Whose meeting raised it, or where its order went.")
    state: State
    state_in_words: InWords
    reported_at: datetime
    handle_by: datetime | None = Field(description="Until when it shall be answered.")
    answer: Answer | None
    result: str = Field(description="Why it was answered so.")
    answered_at: datetime | None
    planned_for: date | None
    late: bool = Field(description="It was planned for a day that is over.")
    meetings: int = Field(description="At how many meetings it was raised or reported on.")


class CarriedOut(ByMember):
    words: Annotated[str, _words(500)] = Field(
        description="What was done, in words that whoever raised it reads.", examples=["新路灯已于本周装好。"]
    )


@router.post("/v1/meetings", status_code=201, response_model_exclude_none=True)
async def record_meeting(
    body: MeetingBody,
    commands: CommandsDep,
    request: Request,
    idempotency_key: Annotated[
        str | None, Header(description="Required, as for a report; the same again has the same answer.")
    ] = None,
) -> RecordedView:
    """Record a meeting (群众说事、民情恳谈、百姓议事). Each matter becomes a case; all are taken, or none."""
    key, sealer = fit_key(idempotency_key), sealer_for(Settings.of(request.app.state).notify_public_key)
    wish = RecordMeeting(
        body.tenant,
        WEB,
        key,
        body.kind,
        body.unit,
        body.held_at,
        body.place,
        body.by_member,
        tuple(each.matter(sealer) for each in body.matters),
        tuple(StandingMatter(each.case_no, each.words) for each in body.standing),
    )
    recorded = await commands.send(wish)
    matters = [Taken.of(receipt, m.contact) for receipt, m in zip(recorded.matters, body.matters, strict=True)]
    return RecordedView(meeting_id=recorded.meeting_id, matters=matters)


Unit = Annotated[GridCode, Query(description="A grid unit; those below it count.", examples=["370784004201"])]


@router.get("/v1/meetings")
async def meetings(
    tenant: OfStreet,
    unit: Unit,
    db: DatabaseDep,
    after: Annotated[str | None, AFTER] = None,
    limit: Annotated[int, LIMIT] = 50,
) -> Page[MeetingLine]:
    """The meetings of a unit and of those below it, the latest recorded first."""
    cursor = decode_cursor(after)
    await _unit_or_404(db, tenant, unit)
    rows = await tables.meetings(db, tenant, unit, cursor, limit)
    found = await slice_page(rows, limit, "meeting_id", None)
    return Page(items=[MeetingLine(**_line(row)) for row in found.rows], next=found.next, total=None)


@router.get("/v1/meetings/agenda")
async def agenda(
    tenant: OfStreet,
    unit: Unit,
    db: DatabaseDep,
    request: Request,
    after: Annotated[str | None, AFTER] = None,
    limit: Annotated[int, LIMIT] = 50,
) -> Page[AgendaItem]:
    """What the next meeting of a unit hears of (议程), the oldest first."""
    cursor = decode_cursor(after)
    await _unit_or_404(db, tenant, unit)
    today = local_day(request.app.state.clock.now())
    rows = await tables.agenda(db, tenant, unit, today, cursor, limit)
    found = await slice_page(rows, limit, "case_id", None)
    items = [
        AgendaItem(
            **row,
            summary=summarise(row.text),
            state_in_words=InWords(**STATE_WORDS[State(row.state)]),
            late=row.planned_for is not None and row.planned_for < today,
        )
        for row in found.rows
    ]
    return Page(items=items, next=found.next, total=None)


@router.post("/v1/meetings/agenda/{case_no}/done")
async def done(case_no: CaseNo, body: CarriedOut, commands: CommandsDep) -> Decided:
    """What was planned is done (落实): it leaves the agenda, and whoever raised it is told."""
    return Decided.model_validate(await commands.send(CarryOut(body.tenant, case_no, body.by_member, body.words)))


@router.get("/v1/meetings/{meeting_id}")
async def meeting(meeting_id: UUID, tenant: OfStreet, db: DatabaseDep) -> MeetingView:
    """A meeting, with how its matters stand now."""
    row = await tables.meeting(db, tenant, meeting_id)
    if row is None:
        raise not_found(none_in_street(tenant, f"会议 {meeting_id}", f"meeting {meeting_id}"))
    return MeetingView(
        **_line(row),
        matters=[RaisedView.model_validate(each) for each in await tables.raised(db, tenant, meeting_id)],
        standing=[StandingView.model_validate(each) for each in await tables.standing(db, tenant, meeting_id)],
    )


def _line(row: Record) -> dict[str, object]:
    shown = {name: row[name] for name in ("meeting_id", "kind", "unit", "held_at", "by_member", "recorded_at")}
    return {**shown, "place": place_of(row)}


async def _unit_or_404(db: Database, tenant: Tenant, unit: str) -> None:
    if not await unit_tables.names(db, [(tenant, unit)]):
        raise not_found(no_unit(tenant, unit))
