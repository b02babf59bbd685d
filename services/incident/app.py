"""Incident: takes reports, keeps the case and its timeline, and asks the reporter how it was."""

from __future__ import annotations

from libs.chassis.service import Service
from services.incident import api, handlers
from services.incident.settings import Settings


def build() -> Service:
    return Service(Settings(), handlers.router, api.routes)
