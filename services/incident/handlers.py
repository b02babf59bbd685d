"""Every fact, command and timer that incident handles."""

from __future__ import annotations

from libs.chassis.handlers import EventRouter
from services.incident.appointments import handlers as appointments
from services.incident.categories import handlers as categories
from services.incident.correcting import handlers as correcting
from services.incident.decisions import handlers as decisions
from services.incident.feedback import handlers as feedback
from services.incident.following import handlers as following
from services.incident.intake import handlers as intake
from services.incident.meetings import handlers as meetings
from services.incident.merging import handlers as merging
from services.incident.notes import handlers as notes
from services.incident.progress import handlers as progress
from services.incident.questions import handlers as questions
from services.incident.street_evaluations import handlers as street_evaluations
from services.incident.units import handlers as units
from services.incident.withdrawing import handlers as withdrawing

router = EventRouter("incident")
ROOMS = (
    intake,
    categories,
    decisions,
    progress,
    merging,
    correcting,
    appointments,
    feedback,
    street_evaluations,
    notes,
    questions,
    following,
    withdrawing,
    meetings,
    units,
)
for room in ROOMS:
    router.include(room.router)
