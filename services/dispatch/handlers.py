"""Every fact, command and timer that dispatch handles."""

from __future__ import annotations

from libs.chassis.handlers import EventRouter
from services.dispatch.absences import handlers as absences
from services.dispatch.approvals import handlers as approvals
from services.dispatch.campaigns import handlers as campaigns
from services.dispatch.cases import handlers as cases
from services.dispatch.components import handlers as components
from services.dispatch.correcting import handlers as correcting
from services.dispatch.deadlines import handlers as deadlines
from services.dispatch.inspections import handlers as inspections
from services.dispatch.joint import handlers as joint
from services.dispatch.orders import handlers as orders
from services.dispatch.patrols import handlers as patrols
from services.dispatch.responsibility import handlers as responsibility
from services.dispatch.waiting import handlers as waiting

router = EventRouter("dispatch")
for room in (
    responsibility,
    components,
    orders,
    approvals,
    inspections,
    joint,
    absences,
    cases,
    correcting,
    waiting,
    deadlines,
    campaigns,
    patrols,
):
    router.include(room.router)
