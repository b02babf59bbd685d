"""The street that a request is about."""

from __future__ import annotations

from libs.chassis.db.database import Database
from libs.chassis.http import not_found
from libs.sentences import unknown_street
from services.incident.categories import tables


async def street_or_404(db: Database, tenant: str) -> None:
    """A street is here once its categories are known. Raises RefusedRequest (404) when it is not."""
    if tenant not in await tables.known_streets(db, [tenant]):
        raise not_found(unknown_street(tenant))
