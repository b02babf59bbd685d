"""The responsibility list as a file: read with every bad cell named, and written so that it reads back the same."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from libs.contracts.values import LEVELS_ZH, Level, OrgKind, Registration, Unanswered
from libs.sentences import Sentence, Unfit
from libs.sheets import forms, workbook
from libs.sheets.cells import Name, Names, Text, Words, day_or
from libs.sheets.forms import Form, SheetLine
from libs.sheets.mistakes import Mistake, Mistaken, Where
from libs.sheets.workbook import Book, Cell, Sheet
from services.dispatch.calendar.domain import Clock, Clocks, TimeUnit
from services.dispatch.responsibility.domain.columns import COLUMNS
from services.dispatch.street.domain.responsibility import (
    ANSWERING,
    FOR_EVER,
    FROM_EVER,
    HELPERS_AT_MOST,
    Condition,
    Responsibility,
)

Amount = Annotated[int, Field(ge=1, le=1000)]


def _helpers(names: tuple[str, ...]) -> tuple[str, ...]:
    """Levels by their codes."""
    codes = {word: code for code, word in LEVELS_ZH.items()}
    found = tuple(dict.fromkeys(codes.get(name, name) for name in names))
    for name in found:
        if name not in LEVELS_ZH and not (name.isascii() and name.isdigit()):
            raise Unfit(f"{name} 既不是网格代码，也不是层级", f"{name} is neither the code of a unit nor a level")
    if len(found) > HELPERS_AT_MOST:
        raise Unfit(f"有 {len(found)} 个", f"names {len(found)}")
    return found


class Entry(SheetLine):
    """A line by itself; its fields are the columns."""

    category: Annotated[str, StringConstraints(pattern=r"^[0-9]{5}$")]
    name_zh: Name
    name_en: Text = ""
    area: Name
    kind: Literal["component", "matter"]
    registration: Registration
    start_level: Level
    org_kind: OrgKind
    skills: Words
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
    effective_from: Annotated[date, BeforeValidator(partial(day_or, FROM_EVER))] = FROM_EVER
    effective_until: Annotated[date, BeforeValidator(partial(day_or, FOR_EVER))] = FOR_EVER
    unanswered: Unanswered = Unanswered.GO_ON
    helpers: Annotated[Names, AfterValidator(_helpers)] = ()

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


LIST = Form("responsibility", "权责清单", Entry, COLUMNS)


@dataclass(frozen=True, slots=True)
class Listed:
    """A row, and where in the file it stands."""

    where: Where
    row: Responsibility


@dataclass(frozen=True, slots=True)
class ListFile:
    """The rows of a file, and what whoever imports them should know of how it was read."""

    rows: list[Responsibility]
    remarks: list[Sentence]


def read(content: bytes, units: Collection[str], sheet: str | None = None) -> ListFile:
    """The rows of a file. `units`: those of the street. `sheet`: the one that is meant, where several might be.

    Raises Mistaken with everything that is wrong.
    """
    book = workbook.read(content)
    chosen = forms.choose(book, LIST, sheet)
    if isinstance(chosen, Mistake):
        raise Mistaken([chosen])
    listed, mistakes, remarks = parse(book, chosen)
    mistakes = mistakes or list(disagreements(listed, units))
    if mistakes:
        raise Mistaken(mistakes)
    return ListFile([each.row for each in listed], remarks)


def parse(book: Book, sheet: Sheet, name: str = "") -> tuple[list[Listed], list[Mistake], list[Sentence]]:
    """The lines each by itself, every cell that is wrong in itself, and remarks."""
    found = forms.read(book, sheet, LIST, name)
    if not found.lines and not found.mistakes:
        where = Where(name, sheet.lines[-1].number + 1)
        none = Sentence(
            "没有任何行：清单为空则什么也不能上报", "there are no rows: without a list nothing can be reported"
        )
        found.mistakes.append(Mistake(where, None, none))
    return [Listed(entry.where, entry.row()) for entry in found.lines], found.mistakes, found.remarks


def disagreements(listed: Sequence[Listed], units: Collection[str]) -> Iterator[Mistake]:
    """What is wrong with lines beside one another, with the levels, and with the units of the street."""
    earlier: dict[str, list[Listed]] = {}
    for each in listed:
        row = each.row
        answering = ANSWERING[row.start_level]
        if row.org_kind is not answering:
            wrong = Sentence(
                f"{_word('org_kind', row.org_kind)}应为{_word('org_kind', answering)}，"
                f"因为起始层级是{_word('start_level', row.start_level)}",
                f"{row.org_kind} must be {answering}, since the category starts at {row.start_level}",
            )
            yield Mistake(each.where, "org_kind", wrong)
        if row.effective_until < row.effective_from:
            wrong = Sentence(
                f"{row.effective_until} 早于 {row.effective_from}",
                f"{row.effective_until} is before {row.effective_from}",
            )
            yield Mistake(each.where, "effective_until", wrong, COLUMNS["effective_until"].right)
        if row.condition.unit is not None and row.condition.unit not in units:
            unit = row.condition.unit
            wrong = Sentence(f"本街道没有 {unit} 这个单元", f"{unit} is no unit of the street")
            yield Mistake(each.where, "condition", wrong)
        for name in row.helpers:
            if name not in LEVELS_ZH and name not in units:
                wrong = Sentence(f"本街道没有 {name} 这个单元", f"{name} is no unit of the street")
                yield Mistake(each.where, "helpers", wrong)
        others = earlier.setdefault(row.category, [])
        yield from _against(each, others)
        others.append(each)


def _word(column: str, code: str) -> str:
    return COLUMNS[column].words[code]


def _against(each: Listed, others: Sequence[Listed]) -> Iterator[Mistake]:
    """The first of the earlier lines of the category that it cannot stand beside at the same time."""
    row = each.row
    for other in others:
        if not row.overlaps(other.row):
            continue
        line = other.where.number
        if row.condition == other.row.condition:
            of = f"{row.category} for {row.condition}" if str(row.condition) else row.category
            en = f"{of}{row.period} is in line {line} already"
            if row.period != other.row.period:
                en += f", which applies{other.row.period or ' always'}"
            zh = f"第{line}行已有同样条件的 {row.category}，且有效期重叠"
            column = "effective_from" if row.period or other.row.period else "category"
            yield Mistake(each.where, column, Sentence(zh, en))
            return
        for name in OF_CATEGORY:
            mine, theirs = getattr(row, name), getattr(other.row, name)
            if mine != theirs:
                zh = f"{mine} 应与第{line}行的 {row.category} 一致：{theirs}"
                en = f"{mine} must be {theirs}, as in line {line} of {row.category}"
                yield Mistake(each.where, name, Sentence(zh, en))
                return


OF_CATEGORY = ("name_zh", "name_en", "area", "kind", "registration", "standard_ref", "unanswered")
"""What a category has whatever the condition: whoever takes a report does not know where it will go."""


def as_csv(rows: Sequence[Responsibility], *, chinese: bool = False) -> bytes:
    return workbook.as_csv(_table(rows, chinese=chinese))


def as_xlsx(rows: Sequence[Responsibility], *, chinese: bool = False) -> bytes:
    return workbook.as_xlsx(_table(rows, chinese=chinese), LIST.zh)


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
        "unanswered": str(row.unanswered),
        "skills": ";".join(sorted(row.skills)),
        "helpers": ";".join(row.helpers),
        "condition": str(row.condition),
        "effective_from": row.effective_from if row.effective_from != FROM_EVER else None,
        "effective_until": row.effective_until if row.effective_until != FOR_EVER else None,
    }
