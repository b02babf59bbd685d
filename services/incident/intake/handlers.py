"""Reports of people and of other systems."""

from __future__ import annotations

import secrets

from libs.chassis.db.database import Database
from libs.chassis.handlers import Answer, Batch, EventRouter
from libs.contracts.incident import ReportCase
from services.incident.cases.domain.tracking_code import TRACKING_BITS, tracking_code
from services.incident.intake.domain import TakeReport
from services.incident.intake.taking import take

router = EventRouter("incident")


@router.answers(TakeReport)
async def take_reports(commands: Batch[TakeReport], db: Database) -> list[Answer]:
    return await take([(c.report, c.tracking_code) for c in commands], commands.now, db)


@router.answers(ReportCase)
async def take_reports_of_systems(reports: Batch[ReportCase], db: Database) -> list[Answer]:
    return await take([(r, tracking_code(secrets.randbits(TRACKING_BITS))) for r in reports], reports.now, db)
