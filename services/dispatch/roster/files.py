"""The folder that `wangge roster import` reads: its files, of which every wrong cell is named before anything is done.

units.geojson, organisations.csv, members.csv and responsibility.csv, and where the street has them calendar.csv,
working_hours.csv, places.csv and routing_rules.csv; docs/operating.md lists their columns.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from libs.contracts.message import GridCode, MemberId, OrgId
from libs.contracts.values import Level, MemberKind, OrgKind
from libs.spreadsheet import BadCell
from services.dispatch.responsibility import file as responsibility_file
from services.dispatch.responsibility.file import Listed
from services.dispatch.roster.domain.cell_types import Address, Name, Problem, Words
from services.dispatch.roster.domain.places_and_rules import PlaceCells, RuleCells

SHOWN = 50
UNITS, ORGANISATIONS, MEMBERS, RESPONSIBILITY = (
    "units.geojson",
    "organisations.csv",
    "members.csv",
    "responsibility.csv",
)
CALENDAR, HOURS = "calendar.csv", "working_hours.csv"
"""A street that works as the country does, at the usual hours, has neither."""
PLACES, RULES = "places.csv", "routing_rules.csv"
"""A street whose units' names are enough, and that routes by its responsibility list alone, has neither."""


class NotARoster(Exception):
    """The folder has mistakes, so nothing was changed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = problems
        lines = [str(each) for each in problems[:SHOWN]]
        if len(problems) > SHOWN:
            lines.append(f"… and {len(problems) - SHOWN} more")
        super().__init__("\n".join(lines))


class Entry(BaseModel):
    """A line of a file, or a feature; `where` says which."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    where: str


class Unit(Entry):
    code: GridCode
    level: Level
    parent: GridCode | None
    name: Name
    aliases: tuple[Name, ...] = ()
    geometry: dict[str, Any] | None


class Organisation(Entry):
    org_id: OrgId
    kind: OrgKind
    unit: GridCode
    name: Name


class Member(Entry):
    member_id: MemberId
    name: Name
    kind: MemberKind
    unit: GridCode
    org_id: OrgId
    party_member: bool
    skills: Words
    workload_limit: int = Field(ge=0, le=100)
    email: Address
    language: Literal["zh", "en"]


class CalendarDay(Entry):
    day: Annotated[date, Field(ge=date(2004, 1, 1), le=date(2099, 12, 31))]
    kind: Literal["holiday", "workday"]
    name: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Hours(Entry):
    opens: time
    closes: time


class NamedPlace(Entry, PlaceCells):
    pass


class RoutingRule(Entry, RuleCells):
    pass


@dataclass(frozen=True, slots=True)
class Files:
    """What the files say, each line by itself; that they agree with one another is not checked yet."""

    units: list[Unit]
    organisations: list[Organisation]
    members: list[Member]
    responsibilities: list[Listed]
    calendar: list[CalendarDay]
    hours: list[Hours]
    places: list[NamedPlace]
    rules: list[RoutingRule]


E = TypeVar("E", bound=Entry)


def read(folder: Path) -> Files:
    """Raises NotARoster with everything that is wrong with a cell."""
    problems: list[Problem] = []
    files = Files(
        _entries(Unit, _features(folder / UNITS, problems), problems),
        _entries(Organisation, _lines(folder / ORGANISATIONS, Organisation, problems), problems),
        _entries(Member, _lines(folder / MEMBERS, Member, problems), problems),
        _responsibilities(folder / RESPONSIBILITY, problems),
        _entries(CalendarDay, _lines_if_there(folder / CALENDAR, CalendarDay, problems), problems),
        _entries(Hours, _lines_if_there(folder / HOURS, Hours, problems), problems),
        _entries(NamedPlace, _lines_if_there(folder / PLACES, NamedPlace, problems), problems),
        _entries(RoutingRule, _lines_if_there(folder / RULES, RoutingRule, problems), problems),
    )
    if problems:
        raise NotARoster(problems)
    return files


def _responsibilities(path: Path, problems: list[Problem]) -> list[Listed]:
    try:
        listed, bad = responsibility_file.parse(path.read_bytes())
    except FileNotFoundError:
        problems.append(Problem(path.name, "the file is missing"))
        return []
    problems += [of_cell(path.name, each) for each in bad]
    return listed


def of_cell(name: str, bad: BadCell) -> Problem:
    where, _, what = str(bad).partition(": ")
    return Problem(f"{name} {where}", what)


def _entries(model: type[E], rows: Iterator[dict[str, Any]], problems: list[Problem]) -> list[E]:
    found = []
    for row in rows:
        try:
            found.append(model.model_validate(row))
        except ValidationError as error:
            problems += [_cell(row["where"], each) for each in error.errors(include_url=False)]
    return found


def _cell(where: str, error: Any) -> Problem:
    column = ".".join(map(str, error["loc"]))
    value = error["input"]
    # Who reads the message is not always who may read the address.
    shown = f"{value[:40]!r}: " if isinstance(value, str) and column != "email" else ""
    if column == "email":
        return Problem(f"{where}, email", "no mail address; it may be empty")
    return Problem(f"{where}, {column}", f"{shown}{error['msg']}")


def _text(path: Path, problems: list[Problem]) -> str | None:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        problems.append(Problem(path.name, "the file is missing"))
    except UnicodeDecodeError as error:
        problems.append(Problem(path.name, f"not UTF-8 at byte {error.start}: save it as “CSV UTF-8”"))
    return None


def _lines(path: Path, model: type[Entry], problems: list[Problem]) -> Iterator[dict[str, Any]]:
    text = _text(path, problems)
    if text is None:
        return
    columns = [name for name in model.model_fields if name != "where"]
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    try:
        header = next(reader, [])
        if sorted(header) != sorted(columns):
            problems.append(Problem(f"{path.name} line 1", f"the columns must be {','.join(columns)}"))
            return
        line = reader.line_num + 1
        for cells in reader:
            where, line = f"{path.name} line {line}", reader.line_num + 1
            if len(cells) == len(header):
                yield {"where": where, **dict(zip(header, cells, strict=True))}
            elif cells:
                problems.append(Problem(where, f"{len(cells)} cells instead of {len(header)}"))
    except csv.Error as error:
        problems.append(Problem(f"{path.name} line {reader.line_num}", str(error)))


def _lines_if_there(path: Path, model: type[Entry], problems: list[Problem]) -> Iterator[dict[str, Any]]:
    return _lines(path, model, problems) if path.exists() else iter(())


def _features(path: Path, problems: list[Problem]) -> Iterator[dict[str, Any]]:
    text = _text(path, problems)
    if text is None:
        return
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        problems.append(Problem(f"{path.name} line {error.lineno}, column {error.colno}", error.msg))
        return
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list):
        problems.append(Problem(path.name, "must be a GeoJSON FeatureCollection"))
        return
    for number, feature in enumerate(features, start=1):
        where = f"{path.name} feature {number}"
        properties = feature.get("properties") if isinstance(feature, dict) else None
        if not isinstance(properties, dict):
            problems.append(Problem(where, "must be a GeoJSON Feature with properties"))
            continue
        # Others may add what they like to a map: only these properties are read.
        known = {k: v for k, v in properties.items() if k in Unit.model_fields}
        yield {**known, "where": where, "geometry": feature.get("geometry")}
