"""Keeps members and organisations as dispatch tells of them."""

from __future__ import annotations

from libs.chassis.db.database import Database
from libs.chassis.handlers import Batch, EventRouter
from libs.contracts.dispatch import MemberChanged, UnitChanged
from libs.contracts.message import Event
from services.scoring.roster import tables as roster

router = EventRouter("scoring")


@router.on(MemberChanged)
async def keep_members(members: Batch[MemberChanged], db: Database) -> list[Event]:
    await roster.record_members(db, members)
    return []


@router.on(UnitChanged)
async def keep_orgs(units: Batch[UnitChanged], db: Database) -> list[Event]:
    await roster.record_orgs(db, units)
    return []
