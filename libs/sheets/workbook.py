"""CSV and XLSX as sheets of lines of text, and back.

A file is bounded before anything of it is unpacked: an XLSX file is an archive, and a small one may hold gigabytes.
"""

from __future__ import annotations

import codecs
import csv
import re
import struct
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from io import BytesIO, StringIO
from typing import Any
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import ExpatError
from zipfile import BadZipFile, ZipFile

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils.exceptions import InvalidFileException

from libs.sentences import Sentence
from libs.sheets import xlsx
from libs.sheets.mistakes import LINE, Mistake, Mistaken, Where

MAX_PARTS = 200
MAX_COLUMNS = xlsx.MAX_COLUMNS
ZIP, OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
GB18030, UTF_16 = "gb18030", "utf-16"
"""What a Chinese Excel saves CSV as, if nobody chooses “CSV UTF-8”; what it saves “Unicode text” as."""
DELIMITERS = ",\t;"
WITHIN = re.compile(r'"[^"]*"|\([^()]*\)')
"""What stands in a cell, and delimits none."""
LOOKED_AT = 10_000
"""So many characters tell what delimits the cells of a file."""

FORMULA = frozenset("=+-@\t\r\n＝＋－＠")
"""Spreadsheets evaluate a cell that begins with one of these as a formula."""

Cell = str | int | float | date | None

BROKEN = (
    BadZipFile,
    InvalidFileException,
    ParseError,
    ExpatError,
    zlib.error,
    struct.error,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
)
"""What is raised for a file that is damaged, locked, or no workbook."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a file may be; `lines` of all its sheets together."""

    bytes: int
    unpacked_bytes: int
    lines: int


MIB = 1024 * 1024
OVER_HTTP = Limits(4 * MIB, 16 * MIB, 5_000)
OF_AN_OPERATOR = Limits(64 * MIB, 512 * MIB, 500_000)


@dataclass(frozen=True, slots=True)
class Line:
    """The cells of a line as text; `formulas` are the numbers of those that hold a formula."""

    number: int
    cells: tuple[str, ...]
    formulas: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Sheet:
    """The lines that have anything in them, and what one is called. The one sheet of a CSV file has no name."""

    name: str
    lines: list[Line]
    merged: int = 0
    counted: Sentence = LINE


@dataclass(frozen=True, slots=True)
class Book:
    """A file. `encoding` is that of a CSV file, and None for a workbook."""

    sheets: list[Sheet]
    encoding: str | None = None


def read(content: bytes, limits: Limits = OVER_HTTP) -> Book:
    """The sheets of a file that are not empty. Raises Mistaken."""
    check_size(content, limits)
    if content.startswith(OLD_EXCEL):
        raise unreadable(
            "这是旧格式（.xls）或加了密码的工作簿：请去掉密码，另存为 .xlsx",
            "a workbook of the old kind (.xls), or one with a password: save it as .xlsx, without one",
        )
    book = _of_xlsx(content, limits) if content.startswith(ZIP) else _of_csv(content, limits)
    if not book.sheets:
        raise unreadable("文件是空的：要有一行列名", "the file is empty: one of its lines has the names of the columns")
    return book


def check_size(content: bytes, limits: Limits) -> None:
    """Raises Mistaken for a file of too many bytes."""
    if len(content) > limits.bytes:
        raise unreadable(f"文件超过 {limits.bytes // MIB} MiB", f"the file has more than {limits.bytes // MIB} MiB")


def too_many_lines(limits: Limits, line: int = 1) -> Mistaken:
    return unreadable(f"文件最多 {limits.lines} 行", f"a file may have {limits.lines} lines at most", line)


def unpacked_too_large(limits: Limits, line: int = 1) -> Mistaken:
    mib = limits.unpacked_bytes // MIB
    return unreadable(f"工作簿解压后超过 {mib} MiB", f"the workbook has more than {mib} MiB when unpacked", line)


def unreadable(zh: str, en: str, line: int = 1) -> Mistaken:
    """What a file as a whole is refused with."""
    return Mistaken([Mistake(Where("", line), None, Sentence(zh, en))])


def _too_wide(line: int) -> Mistaken:
    return unreadable(f"最多 {MAX_COLUMNS} 列", f"a sheet may have {MAX_COLUMNS} columns at most", line)


class _Counted:
    """Lines that have anything in them, up to the limit of a file. A text that many cells share counts for each."""

    def __init__(self, limits: Limits) -> None:
        self._limits, self._found, self._characters = limits, 0, 0

    def of(self, lines: Iterable[Line]) -> list[Line]:
        kept = []
        for line in lines:
            if any(line.cells):
                self._found += 1
                if self._found > self._limits.lines:
                    raise too_many_lines(self._limits, line.number)
                for cell in line.cells:
                    self.add(cell, line.number)
                kept.append(line)
        return kept

    def add(self, cell: str, line: int) -> None:
        """Raises Mistaken where the cells together are longer than a file may be when it is unpacked."""
        self._characters += len(cell)
        if self._characters > self._limits.unpacked_bytes:
            raise unpacked_too_large(self._limits, line)


def _of_csv(content: bytes, limits: Limits) -> Book:
    text, encoding = decoded(content)
    lines = _Counted(limits).of(_csv_lines(text))
    return Book([Sheet("", lines)] if lines else [], encoding)


def decoded(content: bytes) -> tuple[str, str]:
    """The text of a file, and its encoding. Raises Mistaken."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return content.decode(UTF_16), UTF_16
        except UnicodeDecodeError:
            zh = "开头是 UTF-16，后面不是：请另存为“CSV UTF-8”或 .xlsx"
            en = "begins as UTF-16 and does not go on so: save the file as “CSV UTF-8” or as .xlsx"
            raise unreadable(zh, en) from None
    try:
        return content.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        try:
            return content.decode(GB18030), GB18030
        except UnicodeDecodeError:
            zh = "既不是 UTF-8 也不是 GB18030：请另存为“CSV UTF-8”或 .xlsx"
            en = "neither UTF-8 nor GB18030: save the file as “CSV UTF-8” or as .xlsx"
            raise unreadable(zh, en, line) from None


def _delimiter(text: str) -> str:
    """That which stands in most lines, and of several the one that stands most often in one of them: spreadsheets save
    tabs and semicolons as well."""
    head = text[:LOOKED_AT]
    while (plain := WITHIN.sub("", head)) != head:
        head = plain
    counts = {each: [line.count(each) for line in head.splitlines()] for each in DELIMITERS}
    return max(DELIMITERS, key=lambda each: (sum(map(bool, counts[each])), max(counts[each], default=0)))


def _csv_lines(text: str) -> Iterator[Line]:
    reader = csv.reader(StringIO(text, newline=""), strict=True, delimiter=_delimiter(text))
    number = 1
    try:
        for cells in reader:
            if any(map(str.strip, cells[MAX_COLUMNS:])):
                raise _too_wide(number)
            yield Line(number, tuple(cell.strip() for cell in cells[:MAX_COLUMNS]))
            number = reader.line_num + 1
    except csv.Error as error:
        raise unreadable(f"引号或逗号不成对：{error}", f"{error}: a quote or a comma is amiss", number) from None


def _of_xlsx(content: bytes, limits: Limits) -> Book:
    try:
        with ZipFile(BytesIO(content)) as archive:
            parts = archive.infolist()
            # What an entry says of its size is what is unpacked of it at most.
            if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > limits.unpacked_bytes:
                raise unpacked_too_large(limits)
            counted = _Counted(limits)
            sheets = [_sheet(each, counted) for each in xlsx.worksheets(archive, content)]
            return Book([each for each in sheets if each.lines])
    except xlsx.TooManyElements:
        zh = "工作簿里的名称、样式或部分太多：请把这张表的值复制到新的工作簿"
        en = "the workbook has too many names, styles or parts: copy the values of the sheet to a new one"
        raise unreadable(zh, en) from None
    except BROKEN:
        zh = "文件开头像工作簿（.xlsx），但无法读取"
        raise unreadable(zh, "the file begins as a workbook (.xlsx) does, and is none that can be read") from None


def _sheet(sheet: xlsx.Worksheet, counted: _Counted) -> Sheet:
    lines = counted.of(map(_line, sheet.rows()))
    width = max((len(line.cells) for line in lines), default=0)
    # A workbook leaves out the empty cells at the end of a line.
    lines = [
        line if len(line.cells) == width else replace(line, cells=line.cells + ("",) * (width - len(line.cells)))
        for line in lines
    ]
    return Sheet(sheet.title, *_filled(lines, sheet.merged, counted))


def _line(row: xlsx.Row) -> Line:
    last = max(max(row.values, default=0), max(row.formulas, default=0))
    if last >= MAX_COLUMNS:
        raise _too_wide(row.number)
    cells = [""] * (last + 1)
    for at, value in row.values.items():
        cells[at] = value.strip() if isinstance(value, str) else _text(value)
    for at in row.formulas:
        cells[at] = "="
    return Line(row.number, tuple(cells), row.formulas)


def _filled(lines: list[Line], merged: Sequence[tuple[int, int, int]], counted: _Counted) -> tuple[list[Line], int]:
    """A merged cell's value holds for all of its rows; how many cells were merged so. Raises ValueError where they
    overlap, which no spreadsheet writes: so each cell is filled once."""
    numbers = [line.number for line in lines]
    over_column, over = -1, 0
    for column, first, last in sorted(merged):
        if column == over_column and first <= over:
            raise ValueError("merged cells overlap")
        over_column, over = column, last
        begin = bisect_left(numbers, first)
        if begin == len(numbers) or numbers[begin] != first or column >= len(lines[begin].cells):
            continue
        of = lines[begin]
        for place in range(begin + 1, bisect_right(numbers, last)):
            lines[place] = _with_cell(lines[place], column, of)
            counted.add(of.cells[column], numbers[place])
    return lines, len(merged)


def _with_cell(line: Line, column: int, of: Line) -> Line:
    cells = [*line.cells]
    cells[column] = of.cells[column]
    formulas = line.formulas | {column} if column in of.formulas else line.formulas
    return Line(line.number, tuple(cells), formulas)


def _text(value: Any) -> str:
    """As somebody would have typed it into a CSV file."""
    match value:
        case bool():
            return str(value).lower()
        case float() if value.is_integer():
            return str(int(value))
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case date() | time():
            return value.isoformat()
        case _:
            return str(value).strip()


def as_csv(rows: Iterable[Sequence[Cell]]) -> bytes:
    """With the mark without which spreadsheets do not take it for UTF-8."""
    out = StringIO()
    csv.writer(out).writerows(rows)
    return ("\ufeff" + out.getvalue()).encode()


def as_xlsx(rows: Iterable[Sequence[Cell]], title: str) -> bytes:
    """A workbook of one sheet."""
    return book_as_xlsx([(title, rows)])


def book_as_xlsx(sheets: Iterable[tuple[str, Iterable[Sequence[Cell]]]]) -> bytes:
    """A workbook of sheets by their titles, whose first lines stand still and are bold."""
    book = Workbook(write_only=True)
    for title, rows in sheets:
        sheet = book.create_sheet(title)
        sheet.freeze_panes = "A2"
        for number, row in enumerate(rows):
            cells = []
            for value in row:
                cell = WriteOnlyCell(sheet)
                cell.value = value
                if isinstance(value, str):
                    # Or else what begins with = would be taken for a formula.
                    cell.data_type = "s"
                if number == 0:
                    cell.font = Font(bold=True)
                cells.append(cell)
            sheet.append(cells)
    out = BytesIO()
    book.save(out)
    return out.getvalue()
