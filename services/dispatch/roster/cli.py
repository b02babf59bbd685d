"""`wangge roster`: a street is imported as a whole or not at all, and the operator sees what differed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from libs.cli.database import opened
from libs.cli.importing import refusal, show, table_of
from libs.cli.options import Tenant, check_tenant, language
from libs.cli.running import WrongUse, report_errors, run
from libs.cli.settings import OperatorSettings
from libs.sealing import Sealer
from libs.sentences import Sentence
from libs.sheets.mistakes import Mistaken
from services.dispatch.roster import importing as roster
from services.dispatch.roster.checks import Roster
from services.dispatch.roster.importing import Changes, InUse

commands = typer.Typer()


@commands.command("import")
@report_errors
def import_roster(
    source: Annotated[Path, typer.Argument(exists=True, help="A folder, or one workbook (.xlsx), of the street.")],
    tenant: Tenant,
    preview: Annotated[bool, typer.Option("--preview", help="Say what would change, and change nothing.")] = False,
) -> None:
    """Make a street what a folder or a workbook says; the running services hear what has changed."""
    check_tenant(tenant)
    settings = OperatorSettings()
    key, sealer = _sealer(settings)
    url = settings.database_url("dispatch")
    try:
        wanted = roster.read(source, tenant, key)
        changes = run(_import(url, wanted, sealer, preview=preview))
    except (Mistaken, InUse) as error:
        raise refusal(error.sentence) from None
    _show(changes, wanted.remarks, preview=preview)


def _sealer(settings: OperatorSettings) -> tuple[str, Sealer]:
    key = settings.notify_public_key
    if key is None:
        raise WrongUse("WANGGE_NOTIFY_PUBLIC_KEY is not set: `wangge keys new` makes a pair.")
    try:
        return key, Sealer(key)
    except (ValueError, TypeError):
        raise WrongUse("WANGGE_NOTIFY_PUBLIC_KEY is wrong: it must be 32 bytes in base64.") from None


async def _import(url: str, wanted: Roster, sealer: Sealer, *, preview: bool) -> Changes:
    # Between two statements every contact is sealed, which takes as long as the street is large.
    async with opened(url, idle_in_transaction_seconds=0) as db:
        return await roster.import_roster(db, wanted, sealer, datetime.now(UTC), preview=preview)


def _show(changes: Changes, remarks: Sequence[Sentence], *, preview: bool) -> None:
    titles = (Sentence("新增", "added"), Sentence("修改", "changed"), Sentence("删除", "removed"))
    table = table_of(Sentence("", ""), *titles)
    for kind, difference in (
        (Sentence("单元", "units"), changes.units),
        (Sentence("成员", "members"), changes.members),
        (Sentence("类别", "categories"), changes.categories),
        (Sentence("日历", "calendar days"), changes.calendar),
        (Sentence("工作时间", "working hours"), changes.hours),
        (Sentence("地名", "places"), changes.places),
        (Sentence("派单规则", "routing rules"), changes.rules),
    ):
        table.add_row(kind.told(language()), *map(str, difference.counts))
    show(
        [*remarks, *changes.categories.stops],
        table,
        Sentence("已导入。", "Imported.") if changes else None,
        preview=preview,
    )
