"""Reports of people and of other systems."""

from __future__ import annotations

import secrets
from functools import cache

from libs.chassis.db.database import Database
from libs.chassis.handlers import Answer, Batch, EventRouter
from libs.contracts.incident import ReportCase
from libs.sealing import Sealer
from services.incident.cases.domain.tracking_code import TRACKING_BITS, tracking_code
from services.incident.intake.domain import TakeReport, unfit_contact
from services.incident.intake.taking import Coded, refused, take
from services.incident.settings import Settings

router = EventRouter("incident")


@router.answers(TakeReport)
async def take_reports(commands: Batch[TakeReport], db: Database) -> list[Answer]:
    return await take([(c.report, c.tracking_code) for c in commands], commands.now, db)


@router.answers(ReportCase)
async def take_reports_of_systems(reports: Batch[ReportCase], db: Database) -> list[Answer]:
    """The tracking code is sealed with the contact, so that what the reporter is told leads to the case."""
    sealer = _sealer()
    unfit = [unfit_contact(report, sealer) for report in reports]
    coded = [_coded(report, sealer) for report, no in zip(reports, unfit, strict=True) if no is None]
    answers = iter(await take(coded, reports.now, db))
    return [next(answers) if no is None else refused(no) for no in unfit]


def _coded(report: ReportCase, sealer: Sealer) -> Coded:
    code = tracking_code(secrets.randbits(TRACKING_BITS))
    if report.sealed_contact is None:
        return report, code
    return report.model_copy(update={"sealed_contact": sealer.seal_around(report.sealed_contact, code)}), code


@cache
def _sealer() -> Sealer:
    return Sealer(Settings().notify_public_key)
