"""The sender of findings: leased and committed, then incident is asked for a case, then its answer is recorded."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import nats.errors
import structlog
from nats.aio.client import Client

from libs.chassis.db.database import Record, autocommit, transaction
from libs.chassis.handling import timers
from libs.chassis.service import Service
from libs.contracts.incident import ReportCase
from libs.contracts.values import Place, Point, RequestKind
from services.dispatch.findings import tables as findings
from services.dispatch.findings.domain import Outcome, Reported, next_outcome

log = structlog.get_logger()

SENDER = "dispatch-patrol"
BATCH_SIZE = 100
ANSWER_SECONDS = 10.0


async def report_findings(service: Service) -> None:
    """Ask for the case of every finding that is due. The finding's id is the key, so asking again has one answer."""
    while service.broker_connected and not service.draining and await _turn(service) == BATCH_SIZE:
        pass


async def _turn(service: Service) -> int:
    async with autocommit(service.engine) as db:
        leased = await findings.lease_due(db, BATCH_SIZE)
    if not leased:
        return 0
    client = await service.broker.connect()
    outcomes = await asyncio.gather(*(_ask(client, finding) for finding in leased))
    async with transaction(service.engine) as db:
        found = {f.finding_id: o for f, o in zip(leased, outcomes, strict=True)}
        await findings.record(db, found)
        reported = [id for id, outcome in found.items() if isinstance(outcome, Reported)]
        if reported:
            helped = await findings.to_be_helped_with(db, reported, service.clock.now())
            await timers.schedule(db, helped)
    log.info("findings_reported", size=len(leased))
    return len(leased)


async def _ask(client: Client, finding: Record) -> Outcome:
    wish = _report(finding)
    answer = None
    with suppress(nats.errors.Error, OSError, TimeoutError):
        reply = await client.request(wish.subject, wish.model_dump_json().encode(), timeout=ANSWER_SECONDS)
        answer = reply.data
    return next_outcome(answer, finding.attempts)


def _report(finding: Record) -> ReportCase:
    return ReportCase(
        id=finding.finding_id,
        correlation_id=finding.finding_id,
        tenant=finding.tenant,
        occurred_at=finding.found_at,
        sender=SENDER,
        key=str(finding.finding_id),
        category=finding.category,
        text=finding.description,
        place=Place(point=Point(longitude=finding.longitude, latitude=finding.latitude)),
        request_kind=RequestKind.PATROL,
        reported_by_member=finding.member_id,
    )
