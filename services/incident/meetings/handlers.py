"""Minutes of meetings become cases, all of them or none; plans that are carried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from libs.chassis.db.database import Database
from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Answer, Batch, Done, EventRouter, Refused
from libs.contracts.incident import CaseCarriedOut
from services.incident.cases import facts
from services.incident.cases import tables as case_tables
from services.incident.cases.batch import CaseBatch, answer_by_case
from services.incident.cases.domain.case import Decided
from services.incident.cases.domain.content import place_columns
from services.incident.cases.domain.redaction import redact
from services.incident.cases.domain.refusals import Refusal
from services.incident.cases.tables import LockedCase
from services.incident.categories import tables as category_tables
from services.incident.intake.domain import scope_of
from services.incident.intake.taking import take
from services.incident.meetings import tables
from services.incident.meetings.domain import (
    CarryOut,
    Recorded,
    RecordMeeting,
    Scope,
    fingerprint,
    key_used,
    refuse_carrying_out,
    reports_of,
    unfit,
)
from services.incident.units import tables as unit_tables

router = EventRouter("incident")
Key = tuple[str, str]
"""(tenant, case_no)"""


@router.answers(RecordMeeting)
async def record_meetings(meetings: Batch[RecordMeeting], db: Database) -> list[Answer]:
    """Of several with the same key the first is recorded, and its answer is that of all."""
    now = meetings.now
    units = await unit_tables.names(db, ((m.tenant, m.unit) for m in meetings))
    in_use = await category_tables.policies(db, ((m.tenant, each.category) for m in meetings for each in m.matters))
    cases = await case_tables.lock_by_number(db, ((m.tenant, s.case_no) for m in meetings for s in m.standing))
    first: dict[Scope, RecordMeeting] = {}
    refusals: dict[int, Refusal] = {}
    for meeting in meetings:
        kinds = {no: case.content.request_kind for (tenant, no), case in cases.items() if tenant == meeting.tenant}
        why = unfit(meeting, units.get((meeting.tenant, meeting.unit)), in_use, kinds, now)
        if why is None:
            first.setdefault(meeting.scope, meeting)
        else:
            refusals[id(meeting)] = why
    # Sorted, so that two groups with the same keys wait for one another instead of for ever.
    ids = {scope: new_id() for scope in sorted(first)}
    new = await tables.insert(db, [_row(first[scope], ids[scope], now) for scope in ids])
    recorded = [(first[scope], meeting_id) for scope, meeting_id in ids.items() if meeting_id in new]
    taken = await _take(db, recorded, units, now)
    await _report_standing(db, recorded, cases, now)
    mine = {id(meeting) for meeting, _ in recorded}
    others = {meeting.scope for meeting in meetings if id(meeting) not in mine}
    known = await tables.known(db, others) if others else {}
    receipts = await tables.receipts(db, {(scope[0], id) for scope, (_, id) in known.items()}) if known else {}
    answers: list[Answer] = []
    for meeting in meetings:
        before = known.get(meeting.scope)
        if id(meeting) in mine:
            answers.append(taken[ids[meeting.scope]])
        elif before is not None and before[0] == fingerprint(meeting):
            answers.append(Done(Recorded(before[1], receipts.get(before[1], ()))))
        else:
            refusal = refusals.get(id(meeting)) or key_used(meeting)
            answers.append(Refused(422, refusal.title, refusal.detail))
    return answers


async def _take(
    db: Database, recorded: list[tuple[RecordMeeting, UUID]], units: Mapping[tuple[str, str], str], now: datetime
) -> dict[UUID, Done]:
    """By meeting the answer with the facts of all its cases. What could be refused of a report was refused before."""
    reports = {id: reports_of(meeting, id, units[meeting.tenant, meeting.unit], now) for meeting, id in recorded}
    meeting_of = {scope_of(report): id for id, mine in reports.items() for report, _ in mine}
    coded = [each for mine in reports.values() for each in mine]
    answers = iter(await take(coded, now, db, meeting_of) if coded else [])
    taken = {}
    for meeting_id, mine in reports.items():
        done = [answer for answer in (next(answers) for _ in mine) if isinstance(answer, Done)]
        assert len(done) == len(mine)
        matters = tuple(each.reply for each in done)
        taken[meeting_id] = Done(Recorded(meeting_id, matters), [fact for each in done for fact in each.events])
    return taken


async def _report_standing(
    db: Database, recorded: list[tuple[RecordMeeting, UUID]], cases: Mapping[Key, LockedCase], now: datetime
) -> None:
    batch, rows = CaseBatch(now), list[dict[str, Any]]()
    for meeting, meeting_id in recorded:
        for each in meeting.standing:
            case = cases[meeting.tenant, each.case_no]
            rows.append({"tenant": case.tenant, "case_id": case.case_id, "meeting_id": meeting_id, "words": each.words})
            said = {"meeting_id": str(meeting_id), "by_member": meeting.by_member, "words": each.words}
            batch.append_entry(case, batch.standing(case), new_id(), "discussed", meeting.held_at, said)
    await batch.write(db)
    await tables.add_standing(db, rows)


def _row(meeting: RecordMeeting, meeting_id: UUID, now: datetime) -> dict[str, Any]:
    return {
        "tenant": meeting.tenant,
        "meeting_id": meeting_id,
        "sender": meeting.sender,
        "idempotency_key": meeting.key,
        "fingerprint": fingerprint(meeting),
        "kind": meeting.kind.value,
        "unit": meeting.unit,
        "held_at": meeting.held_at,
        **place_columns(meeting.place),
        "by_member": meeting.by_member,
        "recorded_at": now,
    }


@router.answers(CarryOut)
async def carry_out(commands: Batch[CarryOut], db: Database) -> list[Answer]:
    """What was planned is done, and whoever raised it is told. Said again, it is done already."""
    return await answer_by_case(commands, db, partial(_carry_out, now=commands.now))


def _carry_out(command: CarryOut, case: LockedCase, batch: CaseBatch, now: datetime) -> Answer:
    standing = batch.standing(case)
    if (why := refuse_carrying_out(standing)) is not None:
        return Refused(409, "Not possible now", why, {"state": standing.state, "allowed": []})
    if standing.carried_out_at is not None:
        return Done(Decided(case.case_no, standing.state))
    said = {"by_member": command.by_member, "words": command.words}
    batch.append_entry(case, replace(standing, carried_out_at=now), new_id(), "carried_out", now, said)
    fact = CaseCarriedOut(
        **facts.about(case, now),
        category_name=case.content.category_name,
        words=redact(command.words),
        by_member=command.by_member,
    )
    return Done(Decided(case.case_no, standing.state), [fact])
