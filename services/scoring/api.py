"""Everything that scoring answers over HTTP. Nothing is changed here."""

from __future__ import annotations

from services.scoring.ledger import api as ledger
from services.scoring.rules import api as rules
from services.scoring.standings import api as standings
from services.scoring.street_evaluations import api as street_evaluations

ROOMS = (standings, street_evaluations, ledger, rules)

routes = [route for room in ROOMS for route in room.router.routes]
