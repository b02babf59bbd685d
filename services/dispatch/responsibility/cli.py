"""`wangge responsibility`: a street's list is imported as a whole or not at all, and exported in the same form."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from libs.chassis.messaging import outbox
from libs.cli.database import opened
from libs.cli.importing import imported_as, refusal, show, table_of
from libs.cli.options import OneSheet, Tenant, language
from libs.cli.running import WrongUse, report_errors, run
from libs.cli.settings import OperatorSettings
from libs.sentences import Language, Sentence, counted
from libs.sheets.mistakes import Mistaken
from services.dispatch.responsibility import file as responsibility_file
from services.dispatch.responsibility import importing as responsibility_list
from services.dispatch.responsibility.domain.columns import COLUMNS
from services.dispatch.responsibility.file import cells
from services.dispatch.responsibility.importing import ListChange
from services.dispatch.street import tables as street_tables
from services.dispatch.street.domain.responsibility import Responsibility
from services.dispatch.street.named import street_of
from services.dispatch.street.tables import key_of

commands = typer.Typer()


@commands.command("import")
@report_errors
def import_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The list, CSV or XLSX.")],
    tenant: Tenant,
    sheet: OneSheet = None,
    preview: Annotated[bool, typer.Option("--preview", help="Say what would change, and change nothing.")] = False,
) -> None:
    """Make a street's list what the file says; orders that are there keep what they were made under."""
    url = OperatorSettings().database_url("dispatch")
    try:
        change, remarks = run(_import(url, file.read_bytes(), tenant, sheet, preview=preview))
    except Mistaken as error:
        raise refusal(error.sentence) from None
    _show(change, remarks, preview=preview)


async def _import(
    url: str, content: bytes, tenant: str, sheet: str | None, *, preview: bool
) -> tuple[ListChange, list[Sentence]]:
    async with opened(url, idle_in_transaction_seconds=0) as db:
        street = await street_of(db, tenant)
        await responsibility_list.wait_for_other_imports(db, tenant)
        read = responsibility_file.read(content, street.units, sheet)
        change = await responsibility_list.compare(db, tenant, read.rows, datetime.now(UTC))
        if not preview:
            change, facts = await responsibility_list.put_in_force(db, tenant, change, datetime.now(UTC))
            await outbox.record(db, ((fact, outbox.NO_CAUSE) for fact in facts))
        return change, read.remarks


@commands.command("export")
@report_errors
def export_file(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Where to: a name that ends with .csv or .xlsx.")],
    tenant: Tenant,
    chinese: Annotated[bool, typer.Option("--chinese", help="Columns and words as a clerk calls them.")] = False,
) -> None:
    """Write a street's list to a file that can be imported again."""
    write = {".csv": responsibility_file.as_csv, ".xlsx": responsibility_file.as_xlsx}.get(file.suffix.lower())
    if write is None:
        raise WrongUse(f"{file}: the name must end with .csv or .xlsx.")
    rows = run(_rows(OperatorSettings().database_url("dispatch"), tenant))
    file.write_bytes(write(rows, chinese=chinese))
    print(f"{counted(len(rows), 'row')} in {file}.")


async def _rows(url: str, tenant: str) -> list[Responsibility]:
    async with opened(url) as db:
        await street_of(db, tenant)
        return sorted(await street_tables.rows_now(db, tenant), key=key_of)


def _show(change: ListChange, remarks: Sequence[Sentence], *, preview: bool) -> None:
    titles = (Sentence("类别", "row"), Sentence("列", "column"), Sentence("原来", "before"), Sentence("改为", "after"))
    table = table_of(Sentence("", ""), *titles)
    added, changed, removed = (
        each.told(language())
        for each in (Sentence("新增", "added"), Sentence("修改", "changed"), Sentence("删除", "removed"))
    )
    for row in change.added:
        table.add_row(added, _name(row), "", "", row.name_zh)
    for before, after in change.changed:
        old, new = cells(before), cells(after)
        for column in (name for name in new if old[name] != new[name]):
            title = COLUMNS[column].zh if language() is Language.ZH else column
            table.add_row(changed, _name(after), title, str(old[column]), str(new[column]))
    for row in change.removed:
        table.add_row(removed, _name(row), "", row.name_zh, "")
    show(
        [*remarks, *change.stops],
        table if change else None,
        imported_as(change.version) if change else None,
        preview=preview,
    )


def _name(row: Responsibility) -> str:
    return " ".join(filter(None, (row.category, str(row.condition), row.period.strip())))
