"""How the senders of a morning report: over HTTP and over NATS, and some of them twice or three times."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import uuid4

from nats.aio.msg import Msg

from deploy.local.morning.planned_reports import PlannedReport
from deploy.local.morning.service_client import ServiceClient, until_answered
from libs.chassis.clock import Clock
from libs.contracts.incident import Receipt, ReportCase
from libs.contracts.problem import Problem
from libs.contracts.values import Appointment, Place, Point, RequestKind, SealedContact
from libs.sealing import Sealer


class Bus(Protocol):
    """Request and reply over NATS, as nats-py's client has it."""

    async def request(self, subject: str, payload: bytes, timeout: float) -> Msg: ...


class NotTaken(Exception):
    """A report was refused; the argument is the refusal."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A report and every answer that its sender had."""

    plan: PlannedReport
    receipts: tuple[Receipt, ...]


class Senders:
    """Sends planned reports to the incident service of one street."""

    def __init__(self, tenant: str, incident: ServiceClient, bus: Bus, sealer: Sealer, clock: Clock) -> None:
        self._tenant, self._incident, self._bus, self._sealer, self._clock = tenant, incident, bus, sealer, clock

    async def send(self, plan: PlannedReport) -> Sent:
        """Sends it as often as planned: the second copy after the answer, a third at the same time as the first."""
        once = self._over_http(plan) if plan.via == "http" else self._over_bus(plan)
        at_once = 2 if plan.retries > 1 else 1
        receipts = list(await asyncio.gather(*(once() for _ in range(at_once))))
        receipts += [await once() for _ in range(plan.retries + 1 - at_once)]
        return Sent(plan, tuple(receipts))

    def _over_http(self, plan: PlannedReport) -> Callable[[], Awaitable[Receipt]]:
        body: dict[str, object] = {
            "category": plan.category,
            "text": plan.text,
            "place": _place(plan).model_dump(mode="json", exclude_none=True),
            "request_kind": plan.request_kind,
            "reported_by_member": plan.reported_by_member,
            "documents": plan.documents,
        }
        if expected := self._expected(plan):
            body["appointment"] = expected.model_dump(mode="json")
        if contact := _contact(plan):
            body["contact"] = contact
        headers = {"Idempotency-Key": plan.idempotency_key, "Wangge-Sender": plan.sender}

        async def once() -> Receipt:
            answer = await self._incident.post("/v1/reports", body, headers)
            if answer.status_code != 201:
                raise NotTaken(answer.text)
            return Receipt.model_validate_json(answer.content)

        return once

    def _over_bus(self, plan: PlannedReport) -> Callable[[], Awaitable[Receipt]]:
        sealed = self._sealed(plan)
        wish = ReportCase(
            tenant=self._tenant,
            occurred_at=self._clock.now(),
            sender=plan.sender,
            key=plan.idempotency_key,
            category=plan.category,
            text=plan.text,
            place=_place(plan),
            request_kind=RequestKind(plan.request_kind),
            reporter_id=uuid4() if sealed else None,
            sealed_contact=sealed,
            reported_by_member=plan.reported_by_member,
            appointment=self._expected(plan),
            documents=plan.documents,
        )
        body = wish.model_dump_json().encode()

        async def attempt() -> Receipt | None:
            answer = (await self._bus.request(wish.subject, body, timeout=5)).data
            if b'"tracking_code"' in answer:
                return Receipt.model_validate_json(answer)
            problem = Problem.model_validate_json(answer)
            if problem.status == 503:
                return None
            raise NotTaken(problem.detail)

        return lambda: until_answered(attempt, wish.subject, self._incident.patience_seconds)

    def _sealed(self, plan: PlannedReport) -> SealedContact | None:
        contact = _contact(plan)
        return self._sealer.seal(contact) if contact else None

    def _expected(self, plan: PlannedReport) -> Appointment | None:
        """Who asks for an errand is at home for two hours."""
        if plan.request_kind != "errand":
            return None
        starts_at = self._clock.now() + plan.at_home_in
        return Appointment(starts_at=starts_at, ends_at=starts_at + timedelta(hours=2))


def _contact(plan: PlannedReport) -> dict[str, str] | None:
    known = {"email": plan.contact_email, "webhook_url": plan.contact_webhook}
    reached = {name: address for name, address in known.items() if address is not None}
    return {**reached, "language": "zh"} if reached else None


def _place(plan: PlannedReport) -> Place:
    if plan.point is None:
        return Place(name=plan.place_name)
    longitude, latitude = plan.point
    return Place(point=Point(longitude=longitude, latitude=latitude, accuracy_m=plan.accuracy_m), name=plan.place_name)
