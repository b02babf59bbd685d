"""Keeps what the street says of how an order was handled."""

from __future__ import annotations

from libs.chassis.db.database import Database
from libs.chassis.handlers import Batch, EventRouter
from libs.contracts.incident import CaseStreetEvaluated
from libs.contracts.message import Event
from services.scoring.street_evaluations import tables as evaluations

router = EventRouter("scoring")


@router.on(CaseStreetEvaluated)
async def keep_street_evaluations(said: Batch[CaseStreetEvaluated], db: Database) -> list[Event]:
    """Whether an evaluation counts is decided when it is looked up: who is of the street committee may come later."""
    await evaluations.record(db, said)
    return []
