"""Refuses what is asked of a street that is not here."""

from __future__ import annotations

from libs.chassis.db.database import Database
from libs.chassis.http import not_found
from libs.sentences import unknown_street
from services.scoring.roster import tables as roster


async def street_or_404(db: Database, tenant: str) -> None:
    """A street is here once dispatch has told of its organisations. Raises RefusedRequest (404) when it is not."""
    if not await roster.knows_street(db, tenant):
        raise not_found(unknown_street(tenant))
