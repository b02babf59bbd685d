"""The street that a request is about."""

from __future__ import annotations

from libs.chassis.db.database import Database
from libs.chassis.http import not_found
from libs.sentences import unknown_street
from services.dispatch.street import tables as street_tables
from services.dispatch.street.domain.street import Street


async def street_or_404(db: Database, tenant: str) -> Street:
    """Raises RefusedRequest (404) when there is none here."""
    street = (await street_tables.streets_for(db, [tenant])).get(tenant)
    if street is None:
        raise not_found(unknown_street(tenant))
    return street
