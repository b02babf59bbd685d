"""Everything that scoring answers over HTTP. Nothing is changed here."""

from __future__ import annotations

from fastapi import APIRouter

from services.scoring.ledger import api as ledger
from services.scoring.rules import api as rules
from services.scoring.standings import api as standings
from services.scoring.street_evaluations import api as street_evaluations

router = APIRouter()
router.include_router(standings.router)
router.include_router(street_evaluations.router)
router.include_router(ledger.router)
router.include_router(rules.router)
