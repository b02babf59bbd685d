"""Every fact, command and timer that incident handles."""

from __future__ import annotations

from libs.chassis.handlers import EventRouter
from services.incident.appointments import handlers as appointments
from services.incident.categories import handlers as categories
from services.incident.correcting import handlers as correcting
from services.incident.decisions import handlers as decisions
from services.incident.feedback import handlers as feedback
from services.incident.intake import handlers as intake
from services.incident.merging import handlers as merging
from services.incident.progress import handlers as progress
from services.incident.street_evaluations import handlers as street_evaluations

router = EventRouter("incident")
for room in (intake, categories, decisions, progress, merging, correcting, appointments, feedback, street_evaluations):
    router.include(room.router)
