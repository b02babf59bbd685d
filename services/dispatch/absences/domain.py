"""A member who is away for some time: asked for nothing, and their orders are named to their organisation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from libs.contracts.dispatch import MemberAbsent
from libs.sentences import Sentence, none_in_street
from libs.street_time import local_minutes
from services.dispatch.orders.domain.order import Order
from services.dispatch.street.domain.street import Member


class AbsenceReason(StrEnum):
    """请假, 培训, 公务, 借调: no more is asked, and nothing about anybody's health."""

    LEAVE = "leave"
    TRAINING = "training"
    OTHER_DUTY = "other_duty"
    SECONDED = "seconded"


@dataclass(frozen=True, slots=True)
class Absence:
    """From `from_at` until just before `until_at`."""

    absence_id: UUID
    tenant: str
    member_id: str
    from_at: datetime
    until_at: datetime
    reason: AbsenceReason


@dataclass(frozen=True, slots=True)
class NotRecorded:
    """Why an absence cannot be recorded."""

    reason: Sentence


def record(wanted: Absence, member: Member | None, others: Iterable[Absence], now: datetime) -> Absence | NotRecorded:
    """The absence as it is kept: asked for twice it is the same. `others` are the member's that are not over."""
    if member is None:
        return NotRecorded(none_in_street(wanted.tenant, f"成员 {wanted.member_id}", f"member {wanted.member_id}"))
    if wanted.until_at <= max(now, wanted.from_at):
        en = "An absence ends after it begins, and not before now."
        return NotRecorded(Sentence("请假的结束应晚于开始，且不早于现在。", en))
    for other in others:
        if (other.from_at, other.until_at, other.reason) == (wanted.from_at, wanted.until_at, wanted.reason):
            return other
        if other.from_at < wanted.until_at and wanted.from_at < other.until_at:
            since, until = local_minutes(other.from_at), local_minutes(other.until_at)
            zh = f"{wanted.member_id} 已请假：{since} 至 {until}。"
            return NotRecorded(Sentence(zh, f"{wanted.member_id} is absent from {since} until {until} already."))
    return wanted


def absence_fact(absence: Absence, member: Member, claimed: Iterable[Order], now: datetime) -> MemberAbsent:
    """The member is away now; somebody else may have to be given what they have claimed."""
    left = sorted(claimed, key=lambda order: order.order_id)
    return MemberAbsent(
        tenant=absence.tenant,
        occurred_at=now,
        member_id=member.member_id,
        org_id=member.org_id,
        until=absence.until_at,
        order_ids=tuple(order.order_id for order in left),
        case_nos=tuple(order.case_no for order in left),
    )


@dataclass(frozen=True, slots=True)
class RecordAbsence:
    absence: Absence

    @property
    def tenant(self) -> str:
        return self.absence.tenant


@dataclass(frozen=True, slots=True)
class EndAbsence:
    """The member is back, or does not go."""

    tenant: str
    absence_id: UUID
