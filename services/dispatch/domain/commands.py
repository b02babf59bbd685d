"""What members ask for over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from services.dispatch.domain.approval import Wish


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


@dataclass(frozen=True, slots=True)
class GiveBackOrder:
    tenant: str
    order_id: UUID
    member_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class CheckOrder:
    tenant: str
    order_id: UUID
    member_id: str
    passed: bool


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


@dataclass(frozen=True, slots=True)
class AskApproval:
    tenant: str
    order_id: UUID
    member_id: str
    wish: Wish


@dataclass(frozen=True, slots=True)
class DecideApproval:
    tenant: str
    order_id: UUID
    member_id: str
    approval_id: UUID
    approve: bool
    answer: str
