"""What dispatch tells of the units of a street."""

from __future__ import annotations

from libs.chassis.db.database import Database
from libs.chassis.handlers import Batch, EventRouter
from libs.contracts.dispatch import UnitChanged
from libs.contracts.message import Event
from services.incident.units import tables

router = EventRouter("incident")


@router.on(UnitChanged)
async def keep_units(units: Batch[UnitChanged], db: Database) -> list[Event]:
    in_time = sorted(units, key=lambda u: (u.occurred_at, u.id))
    latest = {(u.tenant, u.code): u for u in in_time}
    await tables.take_units(db, [latest[key] for key in sorted(latest)])
    return []
