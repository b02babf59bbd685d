"""The street that an operator names in a command."""

from __future__ import annotations

from libs.chassis.db.database import Database
from libs.cli.running import WrongUse
from services.dispatch.street import tables as street_tables
from services.dispatch.street.domain.street import Street


async def street_of(db: Database, tenant: str) -> Street:
    """Raises WrongUse when there is none here."""
    street = (await street_tables.streets_for(db, [tenant])).get(tenant)
    if street is None:
        raise WrongUse(f"--tenant {tenant}: there is no such street; `wangge roster import` makes one.")
    return street
