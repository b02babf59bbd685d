"""Changing the window of a case over HTTP."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from libs.chassis.http import Body, CommandsDep
from libs.contracts.values import Appointment
from services.incident.appointments.domain import ChangeAppointment, ChangeOwnAppointment
from services.incident.cases.requests import ByMember, CaseNo, IssuedCode

router = APIRouter()


class OwnAppointment(Body):
    """When somebody shall come instead."""

    appointment: Appointment


class NewAppointment(ByMember):
    appointment: Appointment


class AppointmentView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    case_no: str
    appointment: Appointment


@router.post("/v1/track/{code}/appointment", tags=["following"])
async def change_own_appointment(code: IssuedCode, body: OwnAppointment, commands: CommandsDep) -> AppointmentView:
    """Say when somebody shall come instead (改约), before the window that was named has begun."""
    return AppointmentView.model_validate(await commands.send(ChangeOwnAppointment(code, body.appointment)))


@router.post("/v1/cases/{case_no}/appointment", tags=["staff"])
async def change_appointment(case_no: CaseNo, body: NewAppointment, commands: CommandsDep) -> AppointmentView:
    """Say when somebody comes instead (改约), until it is done; who has the order and who reported are told."""
    done = await commands.send(ChangeAppointment(body.tenant, case_no, body.appointment, body.by_member))
    return AppointmentView.model_validate(done)
