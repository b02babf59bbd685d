"""What dispatch tells of its categories."""

from __future__ import annotations

from libs.chassis.db.database import Database
from libs.chassis.handlers import Batch, EventRouter
from libs.contracts.dispatch import CategoryChanged
from libs.contracts.message import Event
from services.incident.categories import tables

router = EventRouter("incident")


@router.on(CategoryChanged)
async def keep_categories(categories: Batch[CategoryChanged], db: Database) -> list[Event]:
    in_time = sorted(categories, key=lambda c: (c.occurred_at, c.id))
    latest = {(c.tenant, c.category): c for c in in_time}
    await tables.take_categories(db, [latest[key] for key in sorted(latest)])
    return []
