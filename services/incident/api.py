"""Everything that incident answers over HTTP."""

from __future__ import annotations

from services.incident.appointments import api as appointments
from services.incident.case_lists import api as case_lists
from services.incident.categories import api as categories
from services.incident.correcting import api as correcting
from services.incident.decisions import api as decisions
from services.incident.duplicates import api as duplicates
from services.incident.feedback import api as feedback
from services.incident.following import api as following
from services.incident.intake import api as intake
from services.incident.meetings import api as meetings
from services.incident.merging import api as merging
from services.incident.notes import api as notes
from services.incident.questions import api as questions
from services.incident.street_evaluations import api as street_evaluations
from services.incident.tracking import api as tracking
from services.incident.withdrawing import api as withdrawing

# Routes are tried in their sequence, and reports are what comes most often.
ROOMS = (
    intake,
    categories,
    tracking,
    feedback,
    appointments,
    duplicates,
    case_lists,
    decisions,
    correcting,
    merging,
    street_evaluations,
    notes,
    questions,
    following,
    withdrawing,
    meetings,
)

routes = [route for room in ROOMS for route in room.router.routes]
