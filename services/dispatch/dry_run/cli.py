"""`wangge routing replay`: which past cases would go elsewhere by a folder that is not imported yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from libs.cli.database import opened
from libs.cli.importing import table_of
from libs.cli.options import Tenant, check_tenant, language
from libs.cli.running import Refusal, report_errors, run
from libs.cli.settings import OperatorSettings
from libs.contracts.reasons import told
from libs.sentences import Sentence, counted
from libs.sheets.mistakes import UNCHANGED, Mistaken
from services.dispatch.dry_run import street_from_roster as proposed
from services.dispatch.dry_run.domain import Replayed
from services.dispatch.order_lists import tables as order_lists
from services.dispatch.roster import checks as roster_checks
from services.dispatch.roster import files as roster_files
from services.dispatch.street.domain.street import Street
from services.dispatch.street.named import street_of

REPLAYED_AT_ONCE = 1000
UNITS_AT_MOST = 50
NO_DIGEST_KEY = b""
"""Contacts are read with the members, and looked at by nobody."""

commands = typer.Typer()


@commands.command("replay")
@report_errors
def replay_folder(
    source: Annotated[Path, typer.Argument(exists=True, help="The street as it would be: a folder or a workbook.")],
    tenant: Tenant,
    days: Annotated[int, typer.Option(min=1, max=366, help="So many days back.")] = 30,
    shown: Annotated[int, typer.Option(min=0, max=1000, help="So many of the cases that differ.")] = 10,
) -> None:
    """Say which cases of the last days would go elsewhere if the roster were imported; change nothing."""
    check_tenant(tenant)
    try:
        wanted = proposed.street_of(roster_checks.roster(roster_files.read(source), tenant, NO_DIGEST_KEY))
    except Mistaken as error:
        raise Refusal(error.sentence.told(language())) from None
    since = datetime.now(UTC) - timedelta(days=days)
    _show(run(_replay(OperatorSettings().database_url("dispatch"), tenant, wanted, since, shown)), days)


async def _replay(url: str, tenant: str, wanted: Street, since: datetime, shown: int) -> Replayed:
    replayed = Replayed(shown)
    async with opened(url) as db:
        present = await street_of(db, tenant)
        async for cases in order_lists.routed(db, tenant, since, REPLAYED_AT_ONCE):
            replayed.add(cases, present, wanted)
    return replayed


def _show(replayed: Replayed, days: int) -> None:
    console = Console(markup=False, highlight=False)
    looked_at = Sentence(
        f"{days} 天内 {replayed.cases} 件，其中 {replayed.differing} 件会改派他处。",
        f"{counted(replayed.cases, 'case')} of {counted(days, 'day')}, "
        f"{replayed.differing} of which would go elsewhere.",
    )
    console.print(looked_at.told(language()))
    if replayed.differing:
        console.print(_moves(Sentence("现在的层级", "level now"), replayed.levels.most_common()))
        console.print(_moves(Sentence("现在的单元", "unit now"), replayed.units.most_common(UNITS_AT_MOST)))
    now, then = Sentence("现在：", "now:  ").told(language()), Sentence("将来：", "then: ").told(language())
    for case in replayed.first:
        console.print(f"{case.case_no} {case.category}: {case.before} → {case.after}")
        console.print(f"  {now}{told(case.because_before, language())}")
        console.print(f"  {then}{told(case.because_after, language())}")
    console.print(UNCHANGED.told(language()))


def _moves(now: Sentence, moves: Sequence[tuple[tuple[str, str], int]]) -> Table:
    table = table_of(now, Sentence("将来", "then"), Sentence("案件", "cases"))
    for (before, after), cases in moves:
        table.add_row(before, after, str(cases))
    return table
