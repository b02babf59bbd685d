"""What an appointment (预约) does to the clocks of an order: the time to handle it begins with the window."""

from __future__ import annotations

from datetime import datetime

from libs.contracts.words import STREET_ZONE, Appointment
from services.dispatch.domain.calendar import Calendar, Clock, deadline


def claim_deadline(now: datetime, clock: Clock, appointment: Appointment | None, calendar: Calendar) -> datetime:
    """As usual, but before somebody is expected. A window that has begun hurries nobody: a clock that is over when it
    begins would escalate what nobody has seen."""
    usual = deadline(now, clock, calendar)
    return min(usual, appointment.starts_at) if appointment and appointment.starts_at > now else usual


def handle_deadline(begins_at: datetime, clock: Clock, appointment: Appointment | None, calendar: Calendar) -> datetime:
    """The clock begins with the window, where that is later, and who comes within the window is never late."""
    if appointment is None:
        return deadline(begins_at, clock, calendar)
    return max(deadline(max(begins_at, appointment.starts_at), clock, calendar), appointment.ends_at)


def explained(appointment: Appointment | None) -> tuple[str, ...]:
    """What an order says of its deadlines."""
    if appointment is None:
        return ()
    start, end = (at.astimezone(STREET_ZONE) for at in (appointment.starts_at, appointment.ends_at))
    return (f"expected from {start:%Y-%m-%d %H:%M} to {end:%m-%d %H:%M}: the time to handle it begins with that",)
