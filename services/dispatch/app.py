"""Dispatch: which organisation answers for a case, who does it, and by when."""

from __future__ import annotations

from libs.chassis.service import Service
from services.dispatch import api, handlers, responsibility_api, senders
from services.dispatch.settings import Settings


def build() -> Service:
    return Service(
        Settings(),
        handlers.router,
        api.router,
        background=(senders.report_findings,),
        body_bytes=responsibility_api.BODY_BYTES,
    )
