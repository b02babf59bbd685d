"""Everything that dispatch answers over HTTP."""

from __future__ import annotations

from fastapi import APIRouter

from services.dispatch import (
    absence_api,
    approval_api,
    campaign_api,
    coverage_api,
    inspection_api,
    lookup_api,
    order_api,
    responsibility_api,
    routing_api,
    visit_api,
)

router = APIRouter()
router.include_router(order_api.router)
router.include_router(lookup_api.router)
router.include_router(absence_api.router)
router.include_router(approval_api.router)
router.include_router(campaign_api.router)
router.include_router(coverage_api.router)
router.include_router(inspection_api.router)
router.include_router(responsibility_api.router)
router.include_router(routing_api.router)
router.include_router(visit_api.router)
