"""The responsibility list as a file: read with every bad cell named, and written so that it reads back the same."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from libs import spreadsheet
from libs.chassis.pages import FORMULA
from libs.contracts.values import Level, OrgKind, Registration
from libs.spreadsheet import CELL_FORMULA, BadCell, Cell, Line, Unreadable
from services.dispatch.calendar.domain import Clock, Clocks, TimeUnit
from services.dispatch.responsibility.domain.columns import COLUMNS, OF_HEADER, OPTIONAL
from services.dispatch.street.domain.responsibility import ANSWERING, FOR_EVER, FROM_EVER, Condition, Responsibility

SHOWN = 50
TITLE = "权责清单"
DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?", re.ASCII)


class NotAList(Exception):
    """The file has mistakes, so nothing was changed."""

    def __init__(self, bad: Sequence[BadCell]) -> None:
        self.bad = bad
        more = [f"… and {len(bad) - SHOWN} more"] if len(bad) > SHOWN else []
        super().__init__("\n".join([*map(str, bad[:SHOWN]), *more]))


def _no_formula(cell: str) -> str:
    if cell[:1] in FORMULA:
        raise ValueError(f"a spreadsheet would take what begins with {cell[0]} for a formula")
    return cell


def _day(empty: date, cell: Any) -> Any:
    if cell == "":
        return empty
    if not (found := DAY.fullmatch(str(cell))):
        raise ValueError("this is no day")
    day = date(*map(int, found.groups()))
    if not 2004 <= day.year <= 2099:
        raise ValueError("the year must be 2004 to 2099")
    return day


def _words(cell: Any) -> Any:
    return frozenset(filter(None, (each.strip() for each in cell.replace("；", ";").split(";"))))


CLEAN = r"^[^\x00-\x1f\x7f]*$"
Text = Annotated[str, StringConstraints(max_length=100, pattern=CLEAN), AfterValidator(_no_formula)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=CLEAN), AfterValidator(_no_formula)]
Amount = Annotated[int, Field(ge=1, le=1000)]


class Entry(BaseModel):
    """A line by itself; its fields are the columns."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    line: int
    category: Annotated[str, StringConstraints(pattern=r"^[0-9]{5}$")]
    name_zh: Name
    name_en: Name
    area: Name
    kind: Literal["component", "matter"]
    registration: Registration
    start_level: Level
    org_kind: OrgKind
    skills: Annotated[frozenset[Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]], BeforeValidator(_words)]
    claim_amount: Amount
    claim_unit: TimeUnit
    handle_amount: Amount
    handle_unit: TimeUnit
    check_amount: Amount
    check_unit: TimeUnit
    evidence: Literal["none", "note", "photo"]
    points: int = Field(ge=0, le=1000)
    standard_ref: Text
    condition: Annotated[Condition, BeforeValidator(Condition.read)] = Condition()
    effective_from: Annotated[date, BeforeValidator(partial(_day, FROM_EVER))] = FROM_EVER
    effective_until: Annotated[date, BeforeValidator(partial(_day, FOR_EVER))] = FOR_EVER

    def row(self) -> Responsibility:
        clocks = Clocks(
            claim=Clock(self.claim_amount, self.claim_unit),
            handle=Clock(self.handle_amount, self.handle_unit),
            check=Clock(self.check_amount, self.check_unit),
        )
        same = {name: getattr(self, name) for name in SAME}
        return Responsibility(clocks=clocks, **same)


SAME = tuple(name for name in COLUMNS if not name.endswith(("_amount", "_unit")))
"""Columns that are fields of a Responsibility; the others make its clocks."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A row, and the line of the file that it stands in."""

    line: int
    row: Responsibility


def read(content: bytes, units: Collection[str]) -> list[Responsibility]:
    """The rows of a file. `units`: those of the street. Raises NotAList with everything that is wrong."""
    listed, bad = parse(content)
    bad = bad or list(disagreements(listed, units))
    if bad:
        raise NotAList(bad)
    return [each.row for each in listed]


def parse(content: bytes) -> tuple[list[Listed], list[BadCell]]:
    """The lines each by itself, and every cell that is wrong in itself."""
    try:
        header, *lines = spreadsheet.read(content)
    except Unreadable as error:
        return [], [error.bad]
    columns, bad = _columns(header)
    if not bad and not lines:
        bad.append(BadCell(header.number + 1, None, "there are no rows: without a list nothing can be reported"))
    if bad:
        return [], bad
    listed: list[Listed] = []
    for line in lines:
        match _entry(line, columns, header.cells):
            case Entry() as entry:
                listed.append(Listed(line.number, entry.row()))
            case wrong:
                bad += wrong
    return listed, bad


def _columns(header: Line) -> tuple[list[str], list[BadCell]]:
    """The names of the columns, in the file's sequence."""
    titles = list(header.cells)
    while titles and not titles[-1]:
        titles.pop()
    names = [OF_HEADER.get(title.lower(), title) for title in titles]
    bad = [
        BadCell(header.number, title or None, f"{title or 'an empty name'} is no column", f"{', '.join(COLUMNS)}")
        for title, name in zip(titles, names, strict=True)
        if name not in COLUMNS
    ]
    bad += [
        BadCell(header.number, name, f"the column {name} stands there twice")
        for at, name in enumerate(names)
        if name in COLUMNS and name in names[:at]
    ]
    bad += [
        BadCell(header.number, name, f"the column {name} ({column.zh}) is missing")
        for name, column in COLUMNS.items()
        if name not in names and name not in OPTIONAL
    ]
    return names, bad


def _entry(line: Line, columns: list[str], titles: Sequence[str]) -> Entry | list[BadCell]:
    cells, width = line.cells, len(columns)
    if len(cells) < width or any(cells[width:]):
        return [BadCell(line.number, None, f"{len(cells)} cells instead of {width}")]
    bad = [BadCell(line.number, titles[at], CELL_FORMULA) for at in sorted(line.formulas) if at < width]
    values = {name: COLUMNS[name].code_of(cell) for name, cell in zip(columns, cells, strict=False)}
    try:
        entry = Entry.model_validate({**values, "line": line.number})
    except ValidationError as error:
        named = {each.column for each in bad}
        found = [_bad(line.number, each, dict(zip(columns, titles, strict=False)), values) for each in error.errors()]
        return bad + [each for each in found if each.column not in named]
    return bad or entry


def _bad(line: int, error: Any, titles: Mapping[str, str], values: Mapping[str, str]) -> BadCell:
    name = str(error["loc"][0])
    what = error["msg"].removeprefix("Value error, ")
    return BadCell(line, titles[name], f"{values[name][:40]!r}: {what}", COLUMNS[name].right)


def disagreements(listed: Sequence[Listed], units: Collection[str]) -> Iterator[BadCell]:
    """What is wrong with lines beside one another, with the levels, and with the units of the street."""
    earlier: dict[str, list[Listed]] = {}
    for each in listed:
        row = each.row
        answering = ANSWERING[row.start_level]
        if row.org_kind is not answering:
            wrong = f"{row.org_kind} must be {answering}, since the category starts at {row.start_level}"
            yield BadCell(each.line, "org_kind", wrong)
        if row.effective_until < row.effective_from:
            wrong = f"{row.effective_until} is before {row.effective_from}"
            yield BadCell(each.line, "effective_until", wrong, "the last day on which the row applies")
        if row.condition.unit is not None and row.condition.unit not in units:
            yield BadCell(each.line, "condition", f"{row.condition.unit} is no unit of the street")
        others = earlier.setdefault(row.category, [])
        yield from _against(each, others)
        others.append(each)


def _against(each: Listed, others: Sequence[Listed]) -> Iterator[BadCell]:
    """The first of the earlier lines of the category that it cannot stand beside at the same time."""
    row = each.row
    for other in others:
        if not row.overlaps(other.row):
            continue
        if row.condition == other.row.condition:
            of = f"{row.category} for {row.condition}" if str(row.condition) else row.category
            wrong = f"{of}{row.period} is in line {other.line} already" + (
                "" if row.period == other.row.period else f", which applies{other.row.period or ' always'}"
            )
            yield BadCell(each.line, "effective_from" if row.period or other.row.period else "category", wrong)
            return
        for name in OF_CATEGORY:
            mine, theirs = getattr(row, name), getattr(other.row, name)
            if mine != theirs:
                yield BadCell(each.line, name, f"{mine} must be {theirs}, as in line {other.line} of {row.category}")
                return


OF_CATEGORY = ("name_zh", "name_en", "area", "kind", "registration", "standard_ref")
"""What a category has whatever the condition: whoever takes a report does not know where it will go."""


def as_csv(rows: Sequence[Responsibility], *, chinese: bool = False) -> bytes:
    return spreadsheet.as_csv(_table(rows, chinese=chinese))


def as_xlsx(rows: Sequence[Responsibility], *, chinese: bool = False) -> bytes:
    return spreadsheet.as_xlsx(_table(rows, chinese=chinese), TITLE)


def _table(rows: Sequence[Responsibility], *, chinese: bool) -> Iterator[Sequence[Cell]]:
    """With the Chinese names of columns and words, or with those of the programs; either is read back."""
    yield [column.zh if chinese else name for name, column in COLUMNS.items()]
    for row in rows:
        found = cells(row)
        yield [column.words.get(str(found[name]), found[name]) if chinese else found[name]
               for name, column in COLUMNS.items()]  # fmt: skip


def cells(row: Responsibility) -> dict[str, Cell]:
    """What stands in each column."""
    found: dict[str, Cell] = {name: getattr(row, name) for name in SAME}
    for stage in ("claim", "handle", "check"):
        clock: Clock = getattr(row.clocks, stage)
        found |= {f"{stage}_amount": clock.amount, f"{stage}_unit": str(clock.unit)}
    return found | {
        "registration": str(row.registration),
        "start_level": str(row.start_level),
        "org_kind": str(row.org_kind),
        "skills": ";".join(sorted(row.skills)),
        "condition": str(row.condition),
        "effective_from": row.effective_from if row.effective_from != FROM_EVER else None,
        "effective_until": row.effective_until if row.effective_until != FOR_EVER else None,
    }
