"""Every fact and command that notify handles."""

from __future__ import annotations

from libs.chassis.handlers import EventRouter
from services.notify.audience import handlers as audience
from services.notify.inbox import handlers as inbox
from services.notify.recipients import handlers as recipients

router = EventRouter("notify")
router.include(recipients.router)
router.include(audience.router)
router.include(inbox.router)
