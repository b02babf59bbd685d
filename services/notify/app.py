"""Notify: who is told what, over which channel, and how it ended."""

from __future__ import annotations

from libs.chassis.service import Service
from services.notify import api, handlers
from services.notify.deliveries.senders import Senders
from services.notify.settings import Settings


def build() -> Service:
    settings = Settings()
    return Service(settings, handlers.router, api.routes, background={"senders": Senders(settings).run})
