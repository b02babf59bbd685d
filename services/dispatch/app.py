"""Dispatch: which organisation answers for a case, who does it, and by when."""

from __future__ import annotations

from libs.chassis.service import Service
from services.dispatch import api, approval_api, handlers, inspection_api, responsibility_api, senders
from services.dispatch.settings import Settings

api.router.include_router(approval_api.router)
api.router.include_router(inspection_api.router)
api.router.include_router(responsibility_api.router)


def build() -> Service:
    return Service(
        Settings(),
        handlers.router,
        api.router,
        background=(senders.report_findings,),
        body_bytes=responsibility_api.BODY_BYTES,
    )
