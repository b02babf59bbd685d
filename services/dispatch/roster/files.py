"""The folder or workbook that `wangge roster import` reads; every wrong cell is named before anything is done.

Which sheet is which says its name, or else its header. docs/operating.md lists the columns.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from libs.sentences import Sentence
from libs.sheets import forms, workbook
from libs.sheets.forms import Form, SheetLine
from libs.sheets.mistakes import FEATURE, Mistake, Mistaken, Where
from libs.sheets.workbook import OF_AN_OPERATOR, Book, Sheet
from libs.validation import sentence_of
from services.dispatch.responsibility import file as responsibility_file
from services.dispatch.responsibility.file import LIST, Listed
from services.dispatch.roster.forms import (
    CALENDAR,
    FORMS,
    HOURS,
    MEMBERS,
    NEEDED,
    ORGANISATIONS,
    PLACES,
    RULES,
    UNITS,
    CalendarDay,
    Hours,
    Member,
    NamedPlace,
    Organisation,
    RoutingRule,
    Unit,
)

MAP = "units.geojson"
SUFFIXES = (".csv", ".xlsx")


@dataclass(frozen=True, slots=True)
class Files:
    """What the files say, each line by itself; that they agree with one another is not checked yet.

    `remarks`: how they were read, for whoever imports them.
    """

    units: list[Unit]
    organisations: list[Organisation]
    members: list[Member]
    responsibilities: list[Listed]
    calendar: list[CalendarDay]
    hours: list[Hours]
    places: list[NamedPlace]
    rules: list[RoutingRule]
    remarks: list[Sentence]


E = TypeVar("E", bound=SheetLine)


@dataclass(frozen=True, slots=True)
class _Part:
    """A sheet of a file, and what mistakes call it."""

    name: str
    book: Book
    sheet: Sheet


class _Reader:
    """The sheets by their forms; gathers what is wrong with each, and what is to be said of it."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []
        self.remarks: list[Sentence] = []
        self._parts: dict[str, _Part] = {}

    def add(self, file: Path) -> None:
        try:
            book = workbook.read(file.read_bytes(), OF_AN_OPERATOR)
        except Mistaken as error:
            self.mistakes += [replace(each, where=replace(each.where, name=file.name)) for each in error.mistakes]
            return
        for sheet in book.sheets:
            name = file.name if len(book.sheets) == 1 else f"{file.name} {sheet.name}"
            form = _form_of(sheet, {sheet.name, file.stem} if len(book.sheets) == 1 else {sheet.name})
            if form is None:
                self._say(name, Sentence("未用：不是花名册的表", "not used: no sheet of a roster"))
            elif form.name in self._parts:
                first = self._parts[form.name].name
                wrong = Sentence(
                    f"与 {first} 都是{form.zh}表，只能有一个", f"is {form.name}, as {first} is; leave one of them"
                )
                self.mistakes.append(Mistake(Where(name), None, wrong))
            else:
                # One sheet at a time is read: the others of its file are none of its business.
                self._parts[form.name] = _Part(name, replace(book, sheets=[sheet]), sheet)

    def has(self, form: Form[Any]) -> bool:
        return form.name in self._parts

    def lines(self, form: Form[E]) -> list[E]:
        part = self._parts.get(form.name)
        if part is None:
            self._miss(form)
            return []
        found = forms.read(part.book, part.sheet, form, part.name)
        self._take(part.name, found.mistakes, found.remarks)
        return found.lines

    def responsibilities(self) -> list[Listed]:
        part = self._parts.get(LIST.name)
        if part is None:
            self._miss(LIST)
            return []
        listed, mistakes, remarks = responsibility_file.parse(part.book, part.sheet, part.name)
        self._take(part.name, mistakes, remarks)
        return listed

    def _miss(self, form: Form[Any]) -> None:
        if form in NEEDED:
            wrong = Sentence(f"缺少{form.zh}表", f"there is no such sheet ({form.zh}), which every roster needs")
            self.mistakes.append(Mistake(Where(form.name), None, wrong))

    def _take(self, name: str, mistakes: Sequence[Mistake], remarks: Sequence[Sentence]) -> None:
        self.mistakes += mistakes
        for each in remarks:
            self._say(name, each)

    def _say(self, name: str, what: Sentence) -> None:
        self.remarks.append(Sentence(f"{name}：{what.zh}", f"{name}: {what.en}"))


def _form_of(sheet: Sheet, names: set[str]) -> Form[Any] | None:
    """By its name, or by its header: of the forms that it has half of the columns of, the one that it names most of."""
    named = [form for form in FORMS if names & {form.name, form.zh}]
    if named:
        return named[0]
    known = {}
    for form in FORMS:
        header = forms.header_of(sheet, form)
        if header is not None and forms.fits(sheet, form) >= 1 / 2:
            known[form.name] = len(header.known)
    best = max(known, key=known.__getitem__, default=None)
    return next((form for form in FORMS if form.name == best), None)


def read(source: Path) -> Files:
    """The sheets of a folder, or of one workbook. Raises Mistaken with everything that is wrong with a cell."""
    reader = _Reader()
    inside = sorted(source.iterdir()) if source.is_dir() else [source]
    for file in inside:
        if file.suffix.lower() in SUFFIXES:
            reader.add(file)
    files = Files(
        _units(reader, source / MAP if source.is_dir() else source.with_name(MAP)),
        reader.lines(ORGANISATIONS),
        reader.lines(MEMBERS),
        reader.responsibilities(),
        reader.lines(CALENDAR),
        reader.lines(HOURS),
        reader.lines(PLACES),
        reader.lines(RULES),
        reader.remarks,
    )
    if reader.mistakes:
        raise Mistaken(reader.mistakes)
    return files


def _units(reader: _Reader, path: Path) -> list[Unit]:
    """The units of a map, or those of a sheet, whose borders the map may have."""
    drawn = _features(path, reader.mistakes) if path.exists() else []
    if reader.has(UNITS):
        borders = {unit.code: unit.border for unit in drawn}
        listed = reader.lines(UNITS)
        return [unit.model_copy(update={"border": unit.border or borders.get(unit.code)}) for unit in listed]
    if not path.exists():
        wrong = Sentence(
            "缺少网格：要有这个文件，或一张网格表", "the file is missing, and there is no sheet units (网格)"
        )
        reader.mistakes.append(Mistake(Where(MAP), None, wrong))
    return drawn


def _features(path: Path, mistakes: list[Mistake]) -> list[Unit]:
    units = []
    for where, properties in _properties(path, mistakes):
        try:
            units.append(Unit.model_validate({**properties, "where": where}))
        except ValidationError as error:
            for each in error.errors(include_url=False):
                mistakes.append(Mistake(where, ".".join(map(str, each["loc"])), _shown(each)))
    return units


def _shown(error: Any) -> Sentence:
    said, value = sentence_of(error), error["input"]
    if not isinstance(value, str):
        return said
    return Sentence(f"“{value[:40]}”{said.zh}", f"{value[:40]!r} {said.en}")


def _properties(path: Path, mistakes: list[Mistake]) -> Iterator[tuple[Where, dict[str, Any]]]:
    whole = Where(path.name)
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        wrong = Sentence(f"第 {error.start} 字节不是 UTF-8", f"not UTF-8 at byte {error.start}")
        mistakes.append(Mistake(whole, None, wrong))
        return
    except json.JSONDecodeError as error:
        where = Where(path.name, error.lineno)
        wrong = Sentence(f"不是 JSON：第 {error.colno} 个字符", f"is no JSON at character {error.colno}: {error.msg}")
        mistakes.append(Mistake(where, None, wrong))
        return
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list):
        wrong = Sentence("应为 GeoJSON FeatureCollection", "must be a GeoJSON FeatureCollection")
        mistakes.append(Mistake(whole, None, wrong))
        return
    for number, feature in enumerate(features, start=1):
        where = Where(path.name, number, FEATURE)
        properties = feature.get("properties") if isinstance(feature, dict) else None
        if not isinstance(properties, dict):
            wrong = Sentence("应为有 properties 的 GeoJSON Feature", "must be a GeoJSON Feature with properties")
            mistakes.append(Mistake(where, None, wrong))
            continue
        # Others may add what they like to a map: only these properties are read.
        known = {k: v for k, v in properties.items() if k in Unit.model_fields}
        yield where, {**known, "border": feature.get("geometry")}
