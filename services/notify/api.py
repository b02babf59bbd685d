"""Everything that notify answers over HTTP."""

from __future__ import annotations

from services.notify.deliveries import api as deliveries
from services.notify.inbox import api as inbox
from services.notify.recipients import api as recipients

ROOMS = (inbox, recipients, deliveries)

routes = [route for room in ROOMS for route in room.router.routes]
