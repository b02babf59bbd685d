"""What a sheet is asked for, and where in a file that stands: the sheet, its header, and the columns that are ours."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from typing import Any, Generic, TypeVar

from openpyxl.utils import get_column_letter
from pydantic import BaseModel, ConfigDict, ValidationError

from libs.contracts.values import HIDDEN
from libs.sentences import Sentence
from libs.sheets.mistakes import LINE, Mistake, Where
from libs.sheets.workbook import GB18030, UTF_16, Book, Line, Sheet
from libs.validation import CLEAN, sentence_of

HEADER_WITHIN = 30
"""Of so many lines one is the header; what stands above it are titles and dates."""
ALIKE = 0.7
"""From this likeness on (0 to 1) a title that is none is taken for one of ours that somebody has written otherwise."""
SHOWN_OF_A_CELL = 40

LINES_SHOWN = 10
FULL_WIDTH = re.compile("[０-９Ａ-Ｚａ-ｚ．－＿]+")
READ_AS = {
    GB18030: Sentence("文件按 GB18030 编码读取", "read as GB18030, since it is not UTF-8"),
    UTF_16: Sentence("文件按 UTF-16 编码读取", "read as UTF-16"),
}

MARKS, REMARK = re.compile(r"[\s*:]"), re.compile(r"\([^()]*\)$")

PEOPLE = "(填[表报写]|制表|编制|审[核批定]|复核|校对|经办|负责|联系|统计)[\u4e00-\u9fff]{0,4}"
WHEN_AND_WHO = "[\u4e00-\u9fff]{0,2}(日期|时间|单位|部门|电话)"
NOTE = re.compile(
    rf"[(\[【]?\s*({PEOPLE}|{WHEN_AND_WHO}|注|备注|附注|说明|notes?|remarks?|(prepared|filled in|checked) by)"
    r"\s*\d?\s*[\])】]?\s*:|[合总共小]\s*计\W*(\d|$)|共\s*[\d一二三四五六七八九十百千万两]+\s*[\u4e00-\u9fff]|[\s\S]*。$",
    re.IGNORECASE,
)
"""How a note below a table begins, width apart: a label and a colon, a total; or it is a sentence. No code is one."""
BETWEEN_CELLS = re.compile("[,;，；、|\\t]")

NOT_OURS = Sentence(
    "有文字，却不在所需的任何一列：请分到各列，或删去这一行",
    "has text and none of it in a column that is asked for: part it into the columns, or take the line out",
)
FILL_OR_LEAVE = Sentence("请填完这一行，或删去", "fill the line, or take it out")
EMPTY = Sentence("不能为空", "may not be empty")
A_FORMULA = Sentence("这里是公式：请改为粘贴它的值", "a formula stands there: paste its value instead")
ERRORS = re.compile(r"#(N/A|DIV/0!|NAME\?|GETTING_DATA|(REF|VALUE|NULL|NUM|SPILL|CALC|FIELD|BLOCKED|CONNECT)!)")
"""What a spreadsheet shows, and saves as text, where a formula has no value."""
AN_ERROR = Sentence("这里是公式的错误值：请填写正确的值", "a formula failed there: write the value that is right")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a sheet: `zh` is its title beside its name, `right` says what may stand in it.

    `also`: what else people call it. `words`: what people write in it, by code. `optional`: a sheet or a line may do
    without it. `private`: a mistake does not repeat the cell, because who reads the mistake is not always who may read
    the cell.
    """

    zh: str
    right: Sentence | None = None
    words: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False
    private: bool = False
    also: tuple[str, ...] = ()

    def code_of(self, cell: str) -> str:
        """What a cell says: without what is hidden in it, digits in their usual width, words by their codes."""
        cell = HIDDEN.sub("", cell).strip()
        if FULL_WIDTH.fullmatch(cell):
            cell = unicodedata.normalize("NFKC", cell)
        if not self.words:
            return cell
        return next((code for code, word in self.words.items() if word == cell), cell)


def one_of(zh: str, words: Mapping[str, str], *, optional: bool = False) -> Column:
    """A column in which one of these words stands, or its code."""
    right = Sentence("、".join(words.values()), ", ".join(f"{code} {word}" for code, word in words.items()))
    return Column(zh, right, words, optional)


class SheetLine(BaseModel):
    """A line of a sheet by itself: its fields are the columns, and `where` it stands."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    where: Where


E = TypeVar("E", bound=SheetLine)


@dataclass(frozen=True, slots=True)
class Form(Generic[E]):
    """A sheet that is asked for: its name in a folder or a workbook, and what its lines are."""

    name: str
    zh: str
    model: type[E]
    columns: Mapping[str, Column]

    @property
    def titles(self) -> dict[str, str]:
        """The columns by what a header may call them."""
        return {_plain(title): name for name, each in self.columns.items() for title in (name, each.zh, *each.also)}

    @property
    def required(self) -> set[str]:
        return {name for name, each in self.columns.items() if not each.optional}


@dataclass(frozen=True, slots=True)
class Header:
    """The line of a sheet that names its columns, each title as far as it is shown; of each column the one of ours that
    it is, or None."""

    line: Line
    columns: tuple[str | None, ...]

    @property
    def known(self) -> set[str]:
        return {name for name in self.columns if name is not None}

    @property
    def places(self) -> dict[str, int]:
        """Where in a line each of our columns stands."""
        return {name: at for at, name in enumerate(self.columns) if name is not None}


@dataclass(frozen=True, slots=True)
class Rest:
    """The cells of a wrong line that are filled and not wrong in themselves, by column."""

    where: Where
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Found(Generic[E]):
    """The lines of a sheet, what is wrong with it, and what else whoever handed it in should know."""

    lines: list[E]
    mistakes: list[Mistake]
    remarks: list[Sentence]
    rests: list[Rest] = field(default_factory=list)


def _plain(title: str) -> str:
    """A title without what does not tell titles apart: width, spaces, case, a star, and a remark in brackets."""
    return REMARK.sub("", MARKS.sub("", unicodedata.normalize("NFKC", HIDDEN.sub("", title)).lower()))


def header_of(sheet: Sheet, form: Form[Any]) -> Header | None:
    """The line near the top that names most of the form's columns, if one names two of them."""
    titles, best = form.titles, None
    for line in sheet.lines[:HEADER_WITHIN]:
        shown = replace(line, cells=tuple(title[:SHOWN_OF_A_CELL] for title in line.cells))
        header = Header(shown, tuple(titles.get(_plain(title)) for title in line.cells))
        if len(header.known) > (len(best.known) if best else 1):
            best = header
    return best


def fits(sheet: Sheet, form: Form[Any]) -> float:
    """Which share of the columns that the form requires the sheet has (0 to 1)."""
    header = header_of(sheet, form)
    return len(header.known & form.required) / len(form.required) if header else 0.0


def choose(book: Book, form: Form[Any], name: str | None) -> Sheet | Mistake:
    """The sheet of a file that is meant: the one with that name, or the only one that fits."""
    if name is not None:
        named = next((each for each in book.sheets if each.name == name), None)
        return named or _no_sheet(book, name)
    fitting = [sheet for sheet in book.sheets if fits(sheet, form) >= 1 / 2]
    if len(fitting) > 1:
        names = [sheet.name for sheet in fitting]
        zh = f"{'、'.join(names)} 都像{form.zh}：请指明用哪一张（sheet=… / --sheet …），或只留一张"
        those = " and ".join(names)
        en = f"the sheets {those} all look like it: name the one that is meant (sheet=… / --sheet …), or leave one"
        return Mistake(Where(), None, Sentence(zh, en))
    return fitting[0] if fitting else max(book.sheets, key=lambda sheet: fits(sheet, form))


def _no_sheet(book: Book, name: str) -> Mistake:
    names = [sheet.name for sheet in book.sheets]
    zh, en = f"没有名为 {name} 的工作表；有：{'、'.join(names)}", f"there is no sheet {name}, only {', '.join(names)}"
    return Mistake(Where(), None, Sentence(zh, en))


def read(book: Book, sheet: Sheet, form: Form[E], name: str = "") -> Found[E]:
    """The lines of a sheet that is of this form; `name` is what mistakes call the sheet."""
    header = header_of(sheet, form)
    if header is None:
        return Found([], [_no_header(sheet, form, name)], [])
    mistakes = [*_mistakes_of_header(sheet, header, form, name)]
    remarks = [*_remarks(book, sheet, header)]
    if mistakes:
        return Found([], mistakes, remarks)
    reader = _reader(book, sheet, header, form, name)
    found: list[tuple[Line, E | list[Mistake]]] = []
    others: list[Line] = []
    footnotes: list[Line] = []
    for line in sheet.lines:
        if line.number <= header.line.number:
            continue
        entry = reader.entry(line)
        if entry is None:
            others.append(line)
        else:
            found.append((line, entry))
    while sheet.counted is LINE and found and _is_footnote(*found[-1], header, form):
        footnotes.insert(0, found.pop()[0])
    remarks += _remarks_below(others, footnotes)
    rests = []
    for line, entry in found:
        if isinstance(entry, list):
            mistakes += entry
            rests.append(reader.rest(line, entry))
    return Found([each for _, each in found if not isinstance(each, list)], mistakes, remarks, rests)


def _is_footnote(line: Line, entry: SheetLine | list[Mistake], header: Header, form: Form[Any]) -> bool:
    """Of a line at the end: one cell alone that reads as a note, such as 填表人：…, and not as anything that a line is
    asked for."""
    filled = [at for at, cell in enumerate(line.cells) if cell]
    if isinstance(entry, SheetLine) or len(filled) != 1 or len(form.required) < 3 or line.formulas:
        return False
    [at] = filled
    column = header.columns[at] if at < len(header.columns) else None
    if column is not None and form.columns[column].private:
        return False
    return NOTE.match(unicodedata.normalize("NFKC", line.cells[at])) is not None


def _remarks_below(others: Sequence[Line], footnotes: Sequence[Line]) -> Iterator[Sentence]:
    """Lines that have nothing in our columns, and what stands below the last one that has."""
    if others:
        more = ("……", " …") if len(others) > LINES_SHOWN else ("", "")
        numbers = [str(line.number) for line in others[:LINES_SHOWN]]
        yield Sentence(f"未用的行：{'、'.join(numbers)}{more[0]}", f"lines passed over: {', '.join(numbers)}{more[1]}")
    for line in footnotes:
        text = _shown(line)
        yield Sentence(f"表末第{line.number}行未用：{text}", f"line {line.number} at the end: {text}")


def _shown(line: Line) -> str:
    return " ".join(filter(None, dict.fromkeys(line.cells)))[:SHOWN_OF_A_CELL]


def _where(sheet: Sheet, line: Line, name: str) -> Where:
    """The header of a map is no line of it."""
    return Where(name, line.number or None, sheet.counted)


def _no_header(sheet: Sheet, form: Form[Any], name: str) -> Mistake:
    columns = ", ".join(form.columns)
    zh = f"找不到列名：前 {HEADER_WITHIN} 行中应有一行写着{'、'.join(each.zh for each in form.columns.values())}"
    en = f"no line names the columns: one of the first {HEADER_WITHIN} must have {columns}"
    return Mistake(_where(sheet, sheet.lines[0], name), None, Sentence(zh, en))


def _mistakes_of_header(sheet: Sheet, header: Header, form: Form[Any], name: str) -> Iterator[Mistake]:
    where = _where(sheet, header.line, name)
    missing = [each for each in form.columns if each not in header.known]
    asked = set()
    for title, column in zip(header.line.cells, header.columns, strict=True):
        if title and column is None and (near := _nearest(title, missing, form)):
            asked.add(near)
            zh, en = form.columns[near].zh, near
            yield Mistake(
                where,
                title,
                Sentence(f"没有这一列，是指“{zh}”吗", f"there is no such column; is {en} ({zh}) meant"),
                Sentence(
                    f"是则改名为“{zh}”，不是则改成别的名字", f"rename it {zh} if so, or else something less alike"
                ),
            )
    for at, column in enumerate(header.columns):
        if column is not None and column in header.columns[:at]:
            twice = Sentence("这一列出现了两次", f"the column {column} stands there twice")
            yield Mistake(where, header.line.cells[at], twice)
    for column in missing:
        if column in form.required - asked:
            zh = form.columns[column].zh
            yield Mistake(where, column, Sentence(f"缺少“{zh}”这一列", f"the column {column} ({zh}) is missing"))


def _nearest(title: str, missing: Iterable[str], form: Form[Any]) -> str | None:
    likeness = {
        column: max(_likeness(_plain(title), _plain(each)) for each in (column, form.columns[column].zh))
        for column in missing
    }
    near = max(likeness, key=likeness.__getitem__, default=None)
    return near if near is not None and likeness[near] >= ALIKE else None


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _remarks(book: Book, sheet: Sheet, header: Header) -> Iterator[Sentence]:
    """What was made of the file beyond what stands in its columns."""
    if book.encoding in READ_AS:
        yield READ_AS[book.encoding]
    if len(book.sheets) > 1:
        unused = [each.name for each in book.sheets if each is not sheet]
        yield Sentence(
            f"取用工作表“{sheet.name}”，未用：{'、'.join(unused)}",
            f"the sheet {sheet.name} was taken, and not {', '.join(unused)}",
        )
    for line in sheet.lines:
        if line.number < header.line.number:
            text = _shown(line)
            yield Sentence(f"列名上方的第{line.number}行未用：{text}", f"line {line.number} above the header: {text}")
    titles = zip(header.line.cells, header.columns, strict=True)
    others = [title for title, column in titles if column is None and title]
    titled = {at for at, title in enumerate(header.line.cells) if title}
    below = (line.cells for line in sheet.lines if line.number > header.line.number)
    untitled = {at for cells in below for at, cell in enumerate(cells) if cell} - titled
    others += [get_column_letter(at + 1) for at in sorted(untitled)]
    if others:
        yield Sentence(f"未用的列：{'、'.join(others)}", f"columns passed over: {', '.join(others)}")
    if sheet.merged:
        yield Sentence(
            f"{sheet.merged} 个合并单元格的值用于其所有行",
            f"the values of {sheet.merged} merged cells hold for all of their lines",
        )


@dataclass(frozen=True, slots=True)
class _Reader(Generic[E]):
    """What is made of each line below a header. In a `csv` file a comma too many or too few moves every cell after it
    into another column."""

    sheet: Sheet
    header: Header
    form: Form[E]
    name: str
    csv: bool
    places: Mapping[str, int]
    """Where each of our columns stands."""
    cells_needed: int

    def entry(self, line: Line) -> E | list[Mistake] | None:
        """What a line says, what is wrong with it, or None where it has nothing for us."""
        where = _where(self.sheet, line, self.name)
        ours = [each for each in self.places.values() if each in line.formulas or any(line.cells[each : each + 1])]
        if self._is_torn(line):
            has, asked = len(line.cells), len(self.header.line.cells)
            return [Mistake(where, None, Sentence(f"有 {has} 格，应有 {asked} 格", f"{has} cells instead of {asked}"))]
        if not ours:
            return [Mistake(where, None, NOT_OURS)] if any(map(_is_much, line.cells)) else None
        entry = _entry(where, line, self.header.line, self.places, self.form)
        if isinstance(entry, list) and len(ours) == 1 and len(self.form.required) >= 3 and not line.formulas:
            return [self._alone(where, line, ours[0])]
        return entry

    def rest(self, line: Line, mistakes: Sequence[Mistake]) -> Rest:
        """Of a line that is wrong."""
        wrong, titles = {each.column for each in mistakes}, self.header.line.cells
        right = {
            column: self.form.columns[column].code_of(line.cells[at])
            for column, at in self.places.items()
            if None not in wrong and titles[at] not in wrong and line.cells[at]
        }
        return Rest(_where(self.sheet, line, self.name), right)

    def _is_torn(self, line: Line) -> bool:
        more = self.csv and any(line.cells[len(self.header.line.cells) :])
        return more or len(line.cells) < self.cells_needed

    def _alone(self, where: Where, line: Line, at: int) -> Mistake:
        column, cell = self.header.columns[at], line.cells[at]
        zh, en = "这一行只填了这一格", "is all that the line has"
        if column is not None and not self.form.columns[column].private:
            shown = cell[:SHOWN_OF_A_CELL]
            zh, en = f"“{shown}”：{zh}", f"{shown!r} {en}"
        return Mistake(where, self.header.line.cells[at], Sentence(zh, en), FILL_OR_LEAVE)


def _reader(book: Book, sheet: Sheet, header: Header, form: Form[E], name: str) -> _Reader[E]:
    """What holds for all lines is found out once: a sheet may have hundreds of thousands."""
    csv, places = book.encoding is not None, header.places
    named = max((at + 1 for at, title in enumerate(header.line.cells) if title), default=0)
    return _Reader(sheet, header, form, name, csv, places, cells_needed=named if csv else max(places.values()) + 1)


def _is_much(cell: str) -> bool:
    """Whether a cell that is in none of our columns may be a line of a sheet, rather than a number or a remark."""
    text = unicodedata.normalize("NFKC", cell)
    return NOTE.match(text) is None and (len(text) > SHOWN_OF_A_CELL or len(BETWEEN_CELLS.split(text)) >= 3)


def _entry(where: Where, line: Line, header: Line, cells: Mapping[str, int], form: Form[E]) -> E | list[Mistake]:
    """`cells`: where each of our columns stands."""
    titles = header.cells
    mistakes = [Mistake(where, titles[at], A_FORMULA) for at in cells.values() if at in line.formulas]
    mistakes += [Mistake(where, titles[at], AN_ERROR) for at in cells.values() if ERRORS.fullmatch(line.cells[at])]
    values = {
        column: form.columns[column].code_of(line.cells[at])
        for column, at in cells.items()
        if line.cells[at] or not form.columns[column].optional
    }
    try:
        entry = form.model.model_validate({**values, "where": where})
    except ValidationError as error:
        found: dict[str, Mistake] = {}
        for each in error.errors(include_url=False):
            column = str(each["loc"][0])
            title, value = titles[cells[column]], values[column]
            found.setdefault(column, _mistake(where, title, form.columns[column], value, each))
        of_formulas = {each.column for each in mistakes}
        return mistakes + [each for each in found.values() if each.column not in of_formulas]
    return mistakes or entry


def _mistake(where: Where, title: str, column: Column, value: str, error: Any) -> Mistake:
    if not value:
        wrong = EMPTY
    elif column.words and error["type"] in ("enum", "literal_error", "bool_parsing"):
        wrong = Sentence("不是可用的词", "is none of the words that may stand here")
    elif column.right and error["type"] == "string_pattern_mismatch" and error["ctx"]["pattern"] != CLEAN:
        wrong = Sentence("格式不对", "is not of the right form")
    else:
        wrong = sentence_of(error)
    shown = value[:SHOWN_OF_A_CELL]
    if value and not column.private and not wrong.zh.startswith(shown):
        wrong = Sentence(f"“{shown}”{wrong.zh}", f"{shown!r} {wrong.en}")
    return Mistake(where, title, wrong, column.right)
