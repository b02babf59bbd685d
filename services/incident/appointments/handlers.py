"""Another window for a case that waits to be done: named by staff, or by the reporter before it has begun."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from libs.chassis.db.database import Database
from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Answer, Batch, Done, EventRouter, Refused
from libs.contracts.incident import CaseAppointmentChanged
from libs.contracts.values import Appointment
from services.incident.appointments import tables
from services.incident.appointments.domain import AppointmentChanged, ChangeAppointment, ChangeOwnAppointment, change
from services.incident.cases import facts
from services.incident.cases import tables as case_tables
from services.incident.cases.batch import CaseBatch
from services.incident.cases.domain.refusals import Conflict, no_case
from services.incident.cases.tables import LockedCase

router = EventRouter("incident")
Wish = tuple[str, str, Appointment, str | None]
"""(tenant, case number, window, who of the staff: None for the reporter)"""


@router.answers(ChangeAppointment)
async def change_appointments(commands: Batch[ChangeAppointment], db: Database) -> list[Answer]:
    return await _change([(c.tenant, c.case_no, c.appointment, c.by_member) for c in commands], commands.now, db)


@router.answers(ChangeOwnAppointment)
async def change_own_appointments(commands: Batch[ChangeOwnAppointment], db: Database) -> list[Answer]:
    """Of the reporter's own case: the window of one that theirs was merged into is somebody else's."""
    own = await case_tables.followed(db, (c.tracking_code for c in commands))
    named = [own.get(c.tracking_code, ("", "", "")) for c in commands]
    wishes = [(n[0], n[1], c.appointment, None) for n, c in zip(named, commands, strict=True)]
    return await _change(wishes, commands.now, db)


async def _change(wishes: Sequence[Wish], now: datetime, db: Database) -> list[Answer]:
    cases = await case_tables.lock_by_number(db, ((tenant, case_no) for tenant, case_no, _, _ in wishes))
    stands = {case.case_id: _stands(case) for case in cases.values()}
    batch, changed = CaseBatch(now), set[UUID]()
    answers: list[Answer] = []
    for tenant, case_no, wanted, by_member in wishes:
        case = cases.get((tenant, case_no))
        if case is None:
            answers.append(Refused(404, "Not found", no_case(tenant, case_no)))
            continue
        current, times = stands[case.case_id]
        refused = change(case.standing, case.content.request_kind, current, wanted, now, by_reporter=by_member is None)
        if refused is not None:
            answers.append(Refused(409 if isinstance(refused, Conflict) else 422, refused.title, refused.detail))
            continue
        reply = AppointmentChanged(case.case_no, wanted)
        if wanted == current:
            answers.append(Done(reply))
            continue
        stands[case.case_id] = wanted, times + 1
        changed.add(case.case_id)
        details = {"by_member": by_member, "before": _as_json(current), "appointment": _as_json(wanted)}
        batch.append_entry(case, case.standing, new_id(), "appointment_changed", now, details)
        answers.append(Done(reply, [_fact_of_change(case, wanted, times + 1, by_member, now)]))
    await batch.write(db)
    known = {case.case_id: case for case in cases.values()}
    new = [(known[case_id], appointment, times) for case_id, (appointment, times) in stands.items() if appointment]
    await tables.change_appointments(db, [each for each in new if each[0].case_id in changed])
    return answers


def _stands(case: LockedCase) -> tuple[Appointment | None, int]:
    return case.content.appointment, case.appointment_changes


def _as_json(appointment: Appointment | None) -> dict[str, str] | None:
    return appointment.model_dump(mode="json") if appointment else None


def _fact_of_change(
    case: LockedCase, wanted: Appointment, changes: int, by_member: str | None, at: datetime
) -> CaseAppointmentChanged:
    return CaseAppointmentChanged(
        **facts.about(case, at),
        appointment=wanted,
        changes=changes,
        by_member=by_member,
        opening=case.standing.opening,
    )
