"""Tables that people hand in and take away: CSV or XLSX as lines of text, and back.

A file is bounded before anything of it is unpacked: an XLSX file is an archive, and a small one may hold gigabytes.
"""

from __future__ import annotations

import csv
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from io import BytesIO, StringIO
from itertools import islice
from typing import Any
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile, ZipFile

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils.exceptions import InvalidFileException

MAX_BYTES = 4 * 1024 * 1024
MAX_UNPACKED_BYTES = 16 * 1024 * 1024
MAX_PARTS = 200
MAX_LINES = 5_000
MAX_COLUMNS = 60
LAST_ROW = 1_048_576
"""Of a sheet, by its format."""

ZIP, OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
CELL_FORMULA = "a formula stands there: paste its value instead"

Cell = str | int | date | None

BROKEN = (
    BadZipFile,
    InvalidFileException,
    ParseError,
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
"""What openpyxl raises for a file that is damaged, locked, or no workbook."""


@dataclass(frozen=True, slots=True)
class BadCell:
    """What is wrong, and what would be right; the whole line where no column is named."""

    line: int
    column: str | None
    wrong: str
    right: str | None = None

    def __str__(self) -> str:
        where = f"line {self.line}, {self.column}" if self.column else f"line {self.line}"
        return f"{where}: {self.wrong}" + (f" ({self.right})" if self.right else "")


class Unreadable(Exception):
    """The file is no table that can be read."""

    def __init__(self, bad: BadCell) -> None:
        self.bad = bad
        super().__init__(str(bad))


@dataclass(frozen=True, slots=True)
class Line:
    """The cells of a line as text; `formulas` are the numbers of those that hold a formula."""

    number: int
    cells: tuple[str, ...]
    formulas: frozenset[int] = frozenset()


def read(content: bytes) -> list[Line]:
    """The lines of a file that have anything in them, the first of which is its header. Raises Unreadable."""
    if len(content) > MAX_BYTES:
        raise _unreadable(f"the file has more than {MAX_BYTES // 1024 // 1024} MiB")
    if content.startswith(OLD_EXCEL):
        raise _unreadable("a workbook of the old kind (.xls), or one with a password: save it as .xlsx, without one")
    lines = _of_xlsx(content) if content.startswith(ZIP) else _of_csv(content)
    found = list(islice((line for line in lines if any(line.cells)), MAX_LINES + 1))
    if not found:
        raise _unreadable("the file is empty: its first line has the names of the columns")
    if len(found) > MAX_LINES:
        raise Unreadable(BadCell(found[MAX_LINES].number, None, f"a file may have {MAX_LINES} lines at most"))
    return found


def _unreadable(wrong: str) -> Unreadable:
    return Unreadable(BadCell(1, None, wrong))


def _of_csv(content: bytes) -> Iterator[Line]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        wrong = f"not UTF-8 at byte {error.start}: save the file as “CSV UTF-8” or as .xlsx"
        raise Unreadable(BadCell(line, None, wrong)) from None
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    number = 1
    try:
        for cells in reader:
            yield Line(number, tuple(cell.strip() for cell in cells))
            number = reader.line_num + 1
    except csv.Error as error:
        raise Unreadable(BadCell(number, None, str(error))) from None


def _of_xlsx(content: bytes) -> Iterator[Line]:
    try:
        with ZipFile(BytesIO(content)) as archive:
            parts = archive.infolist()
        # What an entry says of its size is what is unpacked of it at most.
        if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
            raise _unreadable(f"the workbook has more than {MAX_UNPACKED_BYTES // 1024 // 1024} MiB when unpacked")
        book = load_workbook(BytesIO(content), read_only=True, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()
        before: Sequence[Any] | None = None
        for number, row in enumerate(sheet.iter_rows(max_row=LAST_ROW, max_col=MAX_COLUMNS), start=1):
            # openpyxl yields one and the same object for rows that are missing; a sheet may claim to have a million.
            if row is not before:
                yield _line(number, row)
            before = row
    except BROKEN:
        raise _unreadable("the file begins as a workbook (.xlsx) does, and is none that can be read") from None


def _line(number: int, row: Sequence[Any]) -> Line:
    formulas = frozenset(at for at, cell in enumerate(row) if cell.data_type == "f")
    return Line(number, tuple("=" if at in formulas else _text(cell.value) for at, cell in enumerate(row)), formulas)


def _text(value: Any) -> str:
    """As somebody would have typed it into a CSV file."""
    match value:
        case None:
            return ""
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
    """A workbook of one sheet, whose first line stands still and is bold."""
    book = Workbook(write_only=True)
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
