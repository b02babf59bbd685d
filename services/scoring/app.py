"""Scoring: points of the members and organisations that signed up to serve, in a ledger that always adds up."""

from __future__ import annotations

from libs.chassis.service import Service
from services.scoring import api, handlers
from services.scoring.rules import rules_file
from services.scoring.settings import Settings


def build() -> Service:
    settings = Settings()
    settings.once(rules_file.read)
    return Service(settings, handlers.router, api.routes)
