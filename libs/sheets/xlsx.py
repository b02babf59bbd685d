"""The sheets of an XLSX file as streams of rows, by expat.

openpyxl knows the workbook, its parts, formats and dates. Its own rows make a tree of elements and an object of each
cell, which takes some times as long. A declaration of entities is refused, as defusedxml does for openpyxl.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from xml.parsers import expat
from zipfile import ZipFile

from openpyxl.packaging.relationship import get_rels_path
from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.numbers import builtin_format_code, is_date_format, is_timedelta_format
from openpyxl.utils import column_index_from_string, range_boundaries
from openpyxl.utils.datetime import from_excel, from_ISO8601
from openpyxl.xml.constants import ARC_CONTENT_TYPES, ARC_STYLE, ARC_WORKBOOK, SHARED_STRINGS, XLSM, XLSX, XLTM, XLTX

MAX_COLUMNS = 60
MAX_ELEMENTS = 10_000
"""Of a part that openpyxl makes an object of each element of, which takes some hundred times as long as to hear it."""
MAX_STYLES = 500_000
"""Elements of the part of styles, which is only heard; spreadsheets make 65 490 formats of cells at most."""
MAX_FORMAT = 255
"""The characters of a format of numbers; spreadsheets write no longer one."""
CHUNK_BYTES = 64 * 1024
ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
"""How a character that XML cannot have stands in a string of a workbook."""


class TooManyElements(Exception):
    """A part of a workbook that is small in every ordinary one has more elements than it may have."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row that has anything in it: number from 1, values by column from 0, and which columns hold formulas."""

    number: int
    values: dict[int, Any]
    formulas: frozenset[int]


@dataclass(frozen=True, slots=True)
class Formats:
    """Which cell formats are dates and which are lengths of time, and the day from which a workbook counts."""

    dates: frozenset[int]
    lengths: frozenset[int]
    epoch: Any

    def value(self, number: float, style: int) -> Any:
        """A number, or the date or length of time that it is shown as."""
        if style not in self.dates:
            return number
        try:
            return from_excel(number, self.epoch, timedelta=style in self.lengths)
        except (OverflowError, ValueError):
            return "#VALUE!"


@dataclass(slots=True)
class Worksheet:
    """`merged` is known when all rows have been read: of each cell that is merged over several rows its column from 0,
    first and last row."""

    title: str
    _archive: ZipFile
    _path: str
    _strings: Sequence[str]
    _formats: Formats
    merged: list[tuple[int, int, int]] = field(default_factory=list)

    def rows(self) -> Iterator[Row]:
        """Raises ExpatError, ValueError, LookupError and what zipfile does for a file that is damaged."""
        found = _Rows(self._strings, self._formats)
        for _ in found.parsed(self._archive, self._path):
            yield from found.taken()
        self.merged = [each for ref in found.merged if (each := _merged_down(ref)) is not None]


def worksheets(archive: ZipFile, content: bytes) -> list[Worksheet]:
    """The sheets of a workbook in its sequence, hidden ones too, none of which has been read yet.

    Raises TooManyElements, and what Worksheet.rows raises.
    """
    reader = ExcelReader(BytesIO(content), read_only=True, keep_links=False)
    _bound(archive, ARC_CONTENT_TYPES)
    reader.read_manifest()
    package: Any = reader.package
    book = _path_of_book(package)
    _bound(archive, book)
    _bound(archive, get_rels_path(book))  # type: ignore[no-untyped-call]
    reader.read_workbook()
    strings = _Strings()
    if (part := package.find(SHARED_STRINGS)) is not None:
        for _ in strings.parsed(archive, part.PartName[1:]):
            pass
    formats = _formats(archive, reader.wb.epoch)
    found: dict[str, Worksheet] = {}
    for sheet, rel in reader.parser.find_sheets():
        if rel.target in found:
            raise ValueError("two sheets of a workbook are one part of it")
        if rel.target in reader.valid_files and "chartsheet" not in rel.Type:
            found[rel.target] = Worksheet(sheet.name, archive, rel.target, strings.found, formats)
    return [*found.values()]


def _path_of_book(package: Any) -> str:
    """Where in an archive openpyxl finds the workbook."""
    part = next(filter(None, map(package.find, (XLTM, XLTX, XLSM, XLSX))), None)
    return part.PartName[1:] if part is not None else ARC_WORKBOOK


def _bound(archive: ZipFile, path: str) -> None:
    """Raises TooManyElements, before openpyxl reads a part."""
    if path in archive.namelist():
        for _ in _Elements().parsed(archive, path):
            pass


def _formats(archive: ZipFile, epoch: Any) -> Formats:
    if ARC_STYLE not in archive.namelist():
        return Formats(frozenset(), frozenset(), epoch)
    styles = _Styles()
    for _ in styles.parsed(archive, ARC_STYLE):
        pass
    return Formats(styles.that_are(is_date_format), styles.that_are(is_timedelta_format), epoch)


def _merged_down(ref: str) -> tuple[int, int, int] | None:
    left, first, _, last = range_boundaries(ref)
    # A range of whole columns or rows has None for what it leaves open; a merged cell never is one.
    if left is None or first is None or last is None or last <= first:
        return None
    return left - 1, first, last


class _Locals(dict[str, str]):
    """Names of elements without their prefix."""

    def __missing__(self, name: str) -> str:
        self[name] = local = name.rpartition(":")[2]
        return local


class _Columns(dict[str, int]):
    """Columns from 0 by their letters."""

    def __missing__(self, letters: str) -> int:
        self[letters] = column = column_index_from_string(letters) - 1
        return column


class _Part:
    """What is heard of a part of the archive. `texts` is the text since it was cleared, `kept` what of it counts."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.kept: list[str] = []
        self._local = _Locals()
        self._parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.CharacterDataHandler = self.texts.append
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.StartDoctypeDeclHandler = _refuse

    def parsed(self, archive: ZipFile, path: str) -> Iterator[None]:
        """A chunk at a time."""
        with archive.open(path) as part:
            while chunk := part.read(CHUNK_BYTES):
                self._parser.Parse(chunk, False)
                yield
        self._parser.Parse(b"", True)
        yield

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        raise NotImplementedError

    def _end(self, name: str) -> None:
        raise NotImplementedError


def _refuse(*declared: Any) -> None:
    raise ValueError("a part of a workbook declares entities")


def _iso(text: str) -> Any:
    return from_ISO8601(text)  # type: ignore[no-untyped-call]


def _plain(text: str) -> str:
    """Two halves of a character make one; a half alone is the mark of a character that is lost, U+FFFD."""
    if "_x" not in text:
        return text
    text = ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class _Elements(_Part):
    """That a part has no more elements than it may have."""

    def __init__(self, most: int = MAX_ELEMENTS) -> None:
        super().__init__()
        self._left = most

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._left -= 1
        if self._left < 0:
            raise TooManyElements
        self.texts.clear()

    def _end(self, name: str) -> None:
        pass


class _Styles(_Elements):
    """The formats of numbers that the formats of cells have."""

    def __init__(self) -> None:
        super().__init__(MAX_STYLES)
        self._codes: dict[int, str] = {}
        self._of_cells: list[int] = []
        self._list = ""

    def that_are(self, kind: Callable[[Any], Any]) -> frozenset[int]:
        """Which of the formats of cells are of a kind."""
        of_kind = {number for number in set(self._of_cells) if kind(self._code(number))}
        return frozenset(at for at, number in enumerate(self._of_cells) if number in of_kind)

    def _code(self, number: int) -> Any:
        builtin: Any = builtin_format_code(number)
        return self._codes.get(number, builtin)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        super()._start(name, attributes)
        name = self._local[name]
        if name in ("numFmts", "cellXfs"):
            self._list = name
        elif name == "xf" and self._list == "cellXfs":
            self._of_cells.append(int(attributes.get("numFmtId", 0)))
        elif name == "numFmt" and self._list == "numFmts" and len(attributes["formatCode"]) <= MAX_FORMAT:
            self._codes[int(attributes["numFmtId"])] = attributes["formatCode"]

    def _end(self, name: str) -> None:
        if self._local[name] == self._list:
            self._list = ""


class _Strings(_Part):
    """The strings that the cells of a workbook share; how they are pronounced is left out."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._pronounced = False

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = self._local[name]
        if name == "t":
            self.texts.clear()
        elif name == "si":
            self.kept.clear()
        elif name == "rPh":
            self._pronounced = True

    def _end(self, name: str) -> None:
        name = self._local[name]
        if name == "t" and not self._pronounced:
            self.kept += self.texts
        elif name == "si":
            # Stripped here, once: else each cell that shares it would have a copy of its own.
            self.found.append(_plain("".join(self.kept)).strip())
        elif name == "rPh":
            self._pronounced = False


class _Rows(_Part):
    """The rows of a sheet and the ranges that are merged. A cell or a row that does not say its place is the next."""

    def __init__(self, strings: Sequence[str], formats: Formats) -> None:
        super().__init__()
        self.merged: list[str] = []
        self._strings, self._formats = strings, formats
        self._rows: list[Row] = []
        self._columns = _Columns()
        self._number, self._column = 0, -1
        self._values: dict[int, Any] = {}
        self._formulas: set[int] = set()
        self._computed: dict[int, int] = {}
        """Down to which row one formula gives the values of a column."""
        self._kind, self._style = "n", 0
        self._in_cell = self._pronounced = False

    def taken(self) -> list[Row]:
        """Those that are complete since the last time."""
        rows, self._rows = self._rows, []
        return rows

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = self._local[name]
        if self._in_cell:
            if name in ("v", "t"):
                self.texts.clear()
            elif name == "f":
                self._formulas.add(self._column)
                if "ref" in attributes and attributes.get("t") != "shared":
                    self._compute(attributes["ref"])
            elif name == "rPh":
                self._pronounced = True
        elif name == "c":
            self._begin_cell(attributes)
        elif name == "row":
            self._begin_row(attributes)
        elif name == "mergeCell":
            self.merged.append(attributes["ref"])

    def _end(self, name: str) -> None:
        name = self._local[name]
        if self._in_cell:
            if name == "v" or (name == "t" and not self._pronounced):
                self.kept += self.texts
            elif name == "c":
                self._end_cell()
            elif name == "rPh":
                self._pronounced = False
        elif name == "row" and (self._values or self._formulas):
            self._rows.append(Row(self._number, self._values, frozenset(self._formulas)))

    def _begin_row(self, attributes: dict[str, str]) -> None:
        number = int(attributes["r"]) if "r" in attributes else self._number + 1
        if number <= self._number:
            raise ValueError("rows of a sheet are out of sequence")
        self._number, self._column = number, -1
        self._values, self._formulas = {}, set()

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        ref = attributes.get("r")
        self._column = self._columns[ref.rstrip("0123456789")] if ref else self._column + 1
        self._kind, self._style = attributes.get("t", "n"), int(attributes.get("s", 0))
        self._in_cell = True
        self.kept.clear()

    def _compute(self, ref: str) -> None:
        """A formula of many cells gives the values of all of them, and stands in the first."""
        left, _, right, last = range_boundaries(ref)
        for column in range((left or 1) - 1, min(right or MAX_COLUMNS, MAX_COLUMNS)):
            self._computed[column] = max(last or sys.maxsize, self._computed.get(column, 0))

    def _end_cell(self) -> None:
        self._in_cell = False
        if self.kept and self._number <= self._computed.get(self._column, 0):
            self._formulas.add(self._column)
        if self.kept and self._column not in self._formulas:
            value = self._value("".join(self.kept))
            if value != "":
                self._values[self._column] = value

    def _value(self, text: str) -> Any:
        match self._kind:
            case "s":
                return self._strings[int(text)]
            case "n":
                number = float(text) if "." in text or "E" in text or "e" in text else int(text)
                return self._formats.value(number, self._style)
            case "b":
                return bool(int(text))
            case "d":
                return _iso(text)
        return _plain(text)
