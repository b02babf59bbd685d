"""`wangge routing replay`: which past cases would go elsewhere by a folder that is not imported yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from libs.chassis.database import connect, transaction
from libs.cli.running import Refusal, run
from libs.cli.settings import OperatorSettings
from services.dispatch import proposed, roster_checks, roster_files
from services.dispatch.domain.replay import Replayed
from services.dispatch.domain.street import Street
from services.dispatch.roster.cli import check_tenant
from services.dispatch.roster_files import NotARoster
from services.dispatch.tables import orders, streets

REPLAYED_AT_ONCE = 1000
UNITS_AT_MOST = 50
NO_DIGEST_KEY = b""
"""Contacts are read with the members, and looked at by nobody."""


def replay_folder(settings: OperatorSettings, folder: Path, tenant: str, *, days: int, shown: int) -> None:
    """Raises Refusal with everything that is wrong with the folder, or when the street is not here."""
    check_tenant(tenant)
    try:
        wanted = proposed.street_of(roster_checks.roster(roster_files.read(folder), tenant, NO_DIGEST_KEY))
    except NotARoster as error:
        raise Refusal(str(error)) from None
    since = datetime.now(UTC) - timedelta(days=days)
    _show(run(_replay(settings.database_url("dispatch"), tenant, wanted, since, shown)), days)


async def _replay(url: str, tenant: str, wanted: Street, since: datetime, shown: int) -> Replayed:
    engine = connect(url, pool_size=1)
    replayed = Replayed(shown)
    try:
        async with transaction(engine) as db:
            present = (await streets.streets_for(db, [tenant])).get(tenant)
            if present is None:
                raise Refusal(f"There is no street {tenant} here.")
            async for cases in orders.routed(db, tenant, since, REPLAYED_AT_ONCE):
                replayed.add(cases, present, wanted)
    finally:
        await engine.close()
    return replayed


def _show(replayed: Replayed, days: int) -> None:
    console = Console(markup=False, highlight=False)
    console.print(f"{replayed.cases} cases of {days} days, {replayed.differing} of which would go elsewhere.")
    if replayed.differing:
        console.print(_moves("level", replayed.levels.most_common()))
        console.print(_moves("unit", replayed.units.most_common(UNITS_AT_MOST)))
    for case in replayed.first:
        console.print(f"{case.case_no} {case.category}: {case.before} → {case.after}")
        console.print(f"  now:  {'; '.join(case.because_before)}")
        console.print(f"  then: {'; '.join(case.because_after)}")
    console.print("Nothing was changed.")


def _moves(what: str, moves: Sequence[tuple[tuple[str, str], int]]) -> Table:
    table = Table(f"{what} now", "then", "cases")
    for (before, after), cases in moves:
        table.add_row(before, after, str(cases))
    return table
