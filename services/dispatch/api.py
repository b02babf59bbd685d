"""Everything that dispatch answers over HTTP."""

from __future__ import annotations

from services.dispatch.absences import api as absences
from services.dispatch.approvals import api as approvals
from services.dispatch.campaigns import api as campaigns
from services.dispatch.components import api as components
from services.dispatch.coverage import api as coverage
from services.dispatch.dry_run import api as dry_run
from services.dispatch.inspections import api as inspections
from services.dispatch.joint import api as joint
from services.dispatch.order_lists import api as order_lists
from services.dispatch.orders import api as orders
from services.dispatch.patrols import api as patrols
from services.dispatch.responsibility import api as responsibility
from services.dispatch.street import api as street

# Routes are tried in their sequence, and what members do with orders comes most often.
ROOMS = (
    orders,
    order_lists,
    absences,
    approvals,
    campaigns,
    coverage,
    inspections,
    joint,
    responsibility,
    components,
    street,
    dry_run,
    patrols,
)

routes = [route for room in ROOMS for route in room.router.routes]
