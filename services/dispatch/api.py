"""Everything that dispatch answers over HTTP."""

from __future__ import annotations

from fastapi import APIRouter

from services.dispatch.absences import api as absences
from services.dispatch.approvals import api as approvals
from services.dispatch.campaigns import api as campaigns
from services.dispatch.coverage import api as coverage
from services.dispatch.dry_run import api as dry_run
from services.dispatch.inspections import api as inspections
from services.dispatch.order_lists import api as order_lists
from services.dispatch.orders import api as orders
from services.dispatch.patrols import api as patrols
from services.dispatch.responsibility import api as responsibility
from services.dispatch.street import api as street

router = APIRouter()
for room in (
    orders,
    order_lists,
    absences,
    approvals,
    campaigns,
    coverage,
    inspections,
    responsibility,
    street,
    dry_run,
):
    router.include_router(room.router)
router.include_router(patrols.router)
