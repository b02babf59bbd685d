"""Everything that notify answers over HTTP."""

from __future__ import annotations

from fastapi import APIRouter

from services.notify.deliveries import api as deliveries
from services.notify.inbox import api as inbox
from services.notify.recipients import api as recipients

router = APIRouter()
router.include_router(inbox.router)
router.include_router(recipients.router)
router.include_router(deliveries.router)
