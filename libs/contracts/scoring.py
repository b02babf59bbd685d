"""Facts of the scoring service: points of members, who signed up to serve, never of residents."""

from __future__ import annotations

from uuid import UUID

from libs.contracts.message import Event, MemberId, OrgId


class PointsPosted(Event, fact="points_posted", aggregate="member_id"):
    """A rule has given points to a member and to the member's organisation."""

    transaction_id: UUID
    member_id: MemberId
    org_id: OrgId
    points: int
    rule: str
    rules_version: int
    dimension: str
    cause_id: UUID
    case_id: UUID | None = None


class PointsReversed(Event, fact="points_reversed", aggregate="member_id"):
    """A transaction was reversed by its exact opposite."""

    transaction_id: UUID
    reverses: UUID
    member_id: MemberId
    org_id: OrgId
    points: int
    reason: str
    cause_id: UUID
    case_id: UUID | None = None
