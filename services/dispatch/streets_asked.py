"""The street that a request is about."""

from __future__ import annotations

from libs.chassis.db.database import Database
from libs.chassis.http import not_found
from services.dispatch.domain.street import Street
from services.dispatch.tables import streets as street_tables


async def street_asked(db: Database, tenant: str) -> Street:
    """Raises RefusedRequest (404) when there is none here."""
    street = (await street_tables.streets_for(db, [tenant])).get(tenant)
    if street is None:
        raise not_found(f"there is no street {tenant} here")
    return street
