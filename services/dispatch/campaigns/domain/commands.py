"""What the street asks for about its campaigns."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.dispatch.campaigns.domain.campaign import Move, Plan


@dataclass(frozen=True, slots=True)
class BeginCampaign:
    """The id is the sender's, so that it can be sent again."""

    tenant: str
    campaign_id: UUID
    plan: Plan


@dataclass(frozen=True, slots=True)
class MoveCampaign:
    """`plan`: how it shall be from now on, for a change."""

    tenant: str
    campaign_id: UUID
    move: Move
    plan: Plan | None = None
