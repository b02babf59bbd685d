"""Every fact that scoring handles."""

from __future__ import annotations

from libs.chassis.handlers import EventRouter
from services.scoring.earning import handlers as earning
from services.scoring.roster import handlers as roster
from services.scoring.street_evaluations import handlers as street_evaluations

router = EventRouter("scoring")
router.include(earning.router)
router.include(roster.router)
router.include(street_evaluations.router)
