"""Messages in the app: which of them link to the case, and that they are read."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.notify.audience.domain import RULES, Follower, Reporter


@dataclass(frozen=True, slots=True)
class ReadMessage:
    tenant: str
    recipient_id: str
    delivery_id: UUID


TELLS_REPORTER = frozenset(rule.template for rule in RULES.values() if isinstance(rule.audience, Reporter | Follower))
