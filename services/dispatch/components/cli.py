"""`wangge components`: a street's inventory, imported whole or not at all, and exported as a table or a map."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from libs.chassis.db.database import Database, Record
from libs.chassis.pages import ROWS_AT_ONCE, csv_lines, feature_collection, heads
from libs.cli.database import opened
from libs.cli.importing import imported_as, refusal, show
from libs.cli.options import OneSheet, Tenant, language
from libs.cli.running import WrongUse, report_errors, run
from libs.cli.settings import OperatorSettings
from libs.sentences import Sentence
from libs.sheets.mistakes import Mistaken
from libs.sheets.workbook import OF_AN_OPERATOR
from services.dispatch.components import files as component_files
from services.dispatch.components import importing as inventory
from services.dispatch.components import tables as component_tables
from services.dispatch.components.domain.inventory import Change
from services.dispatch.components.tables import Wanted
from services.dispatch.components.views import CSV_COLUMNS, csv_line, on_map
from services.dispatch.street import tables as street_tables
from services.dispatch.street.domain.street import Street
from services.dispatch.street.named import street_of

commands = typer.Typer()

Written: TypeAlias = Callable[[Database, Street], AsyncIterator[str]]


@commands.command("import")
@report_errors
def import_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV, XLSX, or GeoJSON of points.")],
    tenant: Tenant,
    sheet: OneSheet = None,
    preview: Annotated[bool, typer.Option("--preview", help="Say what would change, and change nothing.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Retire those that are not in the file.")] = False,
) -> None:
    """Add the components of a file to a street's inventory, and change those whose codes it has."""
    url = OperatorSettings().database_url("dispatch")
    try:
        change, remarks = run(_import(url, file.read_bytes(), tenant, sheet, preview=preview, retire_others=replace))
    except Mistaken as error:
        raise refusal(error.sentence) from None
    _show(change, remarks, preview=preview)


async def _import(
    url: str, content: bytes, tenant: str, sheet: str | None, *, preview: bool, retire_others: bool
) -> tuple[Change, list[Sentence]]:
    async with opened(url, idle_in_transaction_seconds=0, answer_seconds=None) as db:
        await street_of(db, tenant)
        await street_tables.wait_for_other_imports(db, tenant)
        read = component_files.read(content, await street_of(db, tenant), sheet, OF_AN_OPERATOR)
        change = await inventory.difference(db, tenant, read.components, retire_others=retire_others)
        if not preview:
            change = await inventory.put_in_force(db, tenant, change, datetime.now(UTC))
        return change, read.remarks


@commands.command("export")
@report_errors
def export_file(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Where to: a name that ends with .csv or .geojson.")],
    tenant: Tenant,
) -> None:
    """Write a street's inventory, retired components too, to a file that can be imported again."""
    written = WRITERS.get(file.suffix.lower())
    if written is None:
        raise WrongUse(f"{file}: the name must end with .csv or .geojson.")
    run(_export(OperatorSettings().database_url("dispatch"), file, tenant, written))


async def _export(url: str, file: Path, tenant: str, written: Written) -> None:
    async with opened(url, read_only=True) as db:
        street = await street_of(db, tenant)
        with file.open("w", encoding="utf-8", newline="") as out:
            async for text in written(db, street):
                out.write(text)


async def _csv(db: Database, street: Street) -> AsyncIterator[str]:
    yield "\ufeff" + csv_lines([heads(CSV_COLUMNS, language())])
    async for rows in _rows(db, street):
        yield csv_lines([csv_line(row, street, language()) for row in rows])


def _map(db: Database, street: Street) -> AsyncIterator[str]:
    return feature_collection(_features(db, street))


async def _features(db: Database, street: Street) -> AsyncIterator[list[str]]:
    async for rows in _rows(db, street):
        yield [on_map(row, street) for row in rows]


def _rows(db: Database, street: Street) -> AsyncIterator[list[Record]]:
    return db.chunks(component_tables.EXPORT, ROWS_AT_ONCE, Wanted(street.tenant).parameters())


WRITERS: Mapping[str, Written] = {".csv": _csv, ".geojson": _map}


def _show(change: Change, remarks: Sequence[Sentence], *, preview: bool) -> None:
    new, changed, retired = len(change.new), len(change.changed), len(change.retired)
    counts = Sentence(
        f"新增 {new}，修改 {changed}（其中 {change.moved} 换了单元），不变 {change.same}，停用 {retired}。",
        f"{new} new, {changed} changed ({change.moved} in another unit), {change.same} the same, {retired} retired.",
    )
    show([*remarks, counts], None, imported_as(change.version) if change else None, preview=preview)
