"""What members ask for about an order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol
from uuid import UUID

from libs.contracts.dispatch import RaiseReason
from libs.contracts.values import Answer


class AboutOrder(Protocol):
    """Every command of a member about an order."""

    @property
    def tenant(self) -> str: ...
    @property
    def order_id(self) -> UUID: ...
    @property
    def member_id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class ClaimOrder:
    tenant: str
    order_id: UUID
    member_id: str


@dataclass(frozen=True, slots=True)
class StartOrder:
    tenant: str
    order_id: UUID
    member_id: str


@dataclass(frozen=True, slots=True)
class HandInOrder:
    tenant: str
    order_id: UUID
    member_id: str
    note: str
    photos: tuple[str, ...]
    documents_returned: tuple[str, ...] = ()
    result: str = ""
    answer: Answer | None = None
    planned_for: date | None = None


@dataclass(frozen=True, slots=True)
class GiveBackOrder:
    tenant: str
    order_id: UUID
    member_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class AssignOrder:
    """`member_id` is of an organisation that answers for the order, `to_member` has it from now on."""

    tenant: str
    order_id: UUID
    member_id: str
    to_member: str
    reason: str


@dataclass(frozen=True, slots=True)
class RaiseOrder:
    tenant: str
    order_id: UUID
    member_id: str
    reason: RaiseReason


@dataclass(frozen=True, slots=True)
class SendOrderDown:
    tenant: str
    order_id: UUID
    member_id: str
    unit: str
    reason: str


@dataclass(frozen=True, slots=True)
class PassOrderOn:
    """`unit`: one of the order's `other_units`."""

    tenant: str
    order_id: UUID
    member_id: str
    unit: str
    reason: str


@dataclass(frozen=True, slots=True)
class CheckOrder:
    tenant: str
    order_id: UUID
    member_id: str
    passed: bool
    note: str = ""
    photos: tuple[str, ...] = ()
    result: str | None = None


@dataclass(frozen=True, slots=True)
class ResumeOrder:
    tenant: str
    order_id: UUID
    member_id: str


@dataclass(frozen=True, slots=True)
class SuperviseOrder:
    tenant: str
    order_id: UUID
    member_id: str
    note: str
