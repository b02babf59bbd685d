"""The demonstration street: in dispatch's database, and as routing sees it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.local.linghe import street
from libs import sealing
from libs.chassis.db.database import connect, transaction
from services.dispatch.dry_run import street_from_roster as proposed
from services.dispatch.roster import checks as roster_checks
from services.dispatch.roster import files as roster_files
from services.dispatch.roster import importing as roster
from services.dispatch.street.domain.street import Street
from tests.support.stage import KEYS

TENANT = "370784004"


@cache
def linghe() -> Street:
    with TemporaryDirectory() as folder:
        street.write(street.build(), Path(folder))
        return proposed.street_of(roster_checks.roster(roster_files.read(Path(folder)), TENANT, b""))


async def import_linghe(url: str) -> None:
    """Without a limit to how long the transaction may stand still: what is computed in it takes a second or two."""
    engine = connect(url, 1, idle_in_transaction_seconds=0)
    with TemporaryDirectory() as folder:
        street.write(street.build(), Path(folder))
        wanted = roster.read(Path(folder), TENANT, KEYS[1])
        async with transaction(engine) as db:
            await roster.import_roster(db, wanted, sealing.Sealer(KEYS[1]), datetime.now(UTC))
    await engine.close()
