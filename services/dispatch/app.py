"""Dispatch: which organisation answers for a case, who does it, and by when."""

from __future__ import annotations

from libs.chassis.service import Service
from services.dispatch import api, handlers
from services.dispatch.components import api as components
from services.dispatch.findings import sender
from services.dispatch.responsibility import api as responsibility
from services.dispatch.settings import Settings


def build() -> Service:
    return Service(
        Settings(),
        handlers.router,
        api.routes,
        background={"findings": sender.report_findings},
        body_bytes=responsibility.BODY_BYTES | components.BODY_BYTES,
    )
