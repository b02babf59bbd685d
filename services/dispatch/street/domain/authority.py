"""Who may act for an organisation in the grid tree."""

from __future__ import annotations

from services.dispatch.street.domain.street import Member, Street


def answers_for(member: Member, unit: str, street: Street) -> bool:
    """Whether the member belongs to the organisation of the unit, or to one above it."""
    return any(above.org_id == member.org_id for above in street.ancestors(unit))
