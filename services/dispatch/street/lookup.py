"""The street that a request is about, and what of it a list is asked for by."""

from __future__ import annotations

from libs.chassis.db.database import Database
from libs.chassis.http import not_found
from libs.sentences import none_in_street, unknown_street
from services.dispatch.grid.domain.tree import Unit
from services.dispatch.street import tables as street_tables
from services.dispatch.street.domain.street import Member, Street


async def street_or_404(db: Database, tenant: str) -> Street:
    """Raises RefusedRequest (404) when there is none here."""
    street = (await street_tables.streets_for(db, [tenant])).get(tenant)
    if street is None:
        raise not_found(unknown_street(tenant))
    return street


def unit_or_404(street: Street, code: str) -> Unit:
    """Raises RefusedRequest (404) for one that the street does not have, as those below do."""
    found = street.units.get(code)
    if found is None:
        raise not_found(none_in_street(street.tenant, f"网格单元 {code}", f"unit {code}"))
    return found


def member_or_404(street: Street, member_id: str) -> Member:
    found = street.members.get(member_id)
    if found is None:
        raise not_found(none_in_street(street.tenant, f"成员 {member_id}", f"member {member_id}"))
    return found


def org_or_404(street: Street, org_id: str) -> Unit:
    """The unit that it answers for, of several the one with the lowest code."""
    if org_id not in street.org_names:
        raise not_found(none_in_street(street.tenant, f"组织 {org_id}", f"organisation {org_id}"))
    return next(unit for unit in street.units.values() if unit.org_id == org_id)


def known_or_404(street: Street, member_id: str | None = None, org_id: str | None = None) -> None:
    """What an empty list was asked for by: one who has left still has what they did."""
    if member_id is not None:
        member_or_404(street, member_id)
    if org_id is not None:
        org_or_404(street, org_id)
