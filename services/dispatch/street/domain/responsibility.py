"""The responsibility list (权责清单): which of its rows applies to a case at a moment, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Literal

from libs.contracts.dispatch import CategoryChanged
from libs.contracts.reasons import Explanation, Reason, Why
from libs.contracts.values import Level, OrgKind, Registration, RequestKind, Unanswered
from libs.sentences import Unfit
from libs.street_time import STREET_ZONE, local_day
from services.dispatch.calendar.domain import Clocks

HELPERS_AT_MOST = 4
FROM_EVER, FOR_EVER = date.min, date.max

ANSWERING: Mapping[Level, OrgKind] = {
    Level.STREET: OrgKind.STREET_COMMITTEE,
    Level.COMMUNITY: OrgKind.COMMUNITY_ORG,
    Level.GRID: OrgKind.BRANCH,
    Level.MICRO_GRID: OrgKind.PARTY_GROUP,
}
"""The kind of organisation that answers for a unit of a level."""
ANSWERED: Mapping[OrgKind, Level] = {kind: level for level, kind in ANSWERING.items()}


class Hours(StrEnum):
    WORKING = "working"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known of a case. `units`: where it is, from the lowest up to the street; none where nobody can tell."""

    units: tuple[str, ...]
    request_kind: RequestKind | None
    hours: Hours


UNKNOWN = Situation((), None, Hours.OFF)
"""What is enough to know where no row asks for more."""


@dataclass(frozen=True, slots=True)
class Condition:
    """For which cases of its category a row is; a field that is None fits every case.

    The place weighs most, the lower unit more than the higher; then how the case came in, then the time. Two rows that
    both fit are thus never of equal weight, unless their conditions are the same.
    """

    unit: str | None = None
    request_kind: RequestKind | None = None
    hours: Hours | None = None

    @classmethod
    def read(cls, text: str) -> Condition:
        """Terms such as `unit=370784004201;hours=off`, in any sequence. Raises Unfit."""
        terms: dict[str, str] = {}
        for term in filter(None, (each.strip() for each in text.replace("；", ";").split(";"))):
            name, equals, value = (part.strip() for part in term.replace("＝", "=").partition("="))
            if not equals or name not in ("unit", "request_kind", "hours"):
                zh = f"{term} 不是条件：可用 unit=…、request_kind=…、hours=…，以分号连接"
                raise Unfit(zh, f"{term} is no term: unit=…, request_kind=… and hours=… are, joined by ;")
            if name in terms:
                raise Unfit(f"{name} 出现了两次", f"{name} stands there twice")
            terms[name] = value
        unit, kind, hours = terms.get("unit"), terms.get("request_kind"), terms.get("hours")
        if unit is not None and not (unit.isascii() and unit.isdigit() and 9 <= len(unit) <= 16):
            raise Unfit(f"unit={unit}：网格代码为 9 至 16 位数字", f"unit={unit}: a grid unit has 9 to 16 digits")
        if kind is not None and kind not in list(RequestKind):
            zh = f"request_kind={kind} 应为 {'、'.join(RequestKind)} 之一"
            raise Unfit(zh, f"request_kind={kind} must be {', '.join(RequestKind)}")
        if hours is not None and hours not in list(Hours):
            zh = f"hours={hours} 应为 {' 或 '.join(Hours)}"
            raise Unfit(zh, f"hours={hours} must be {' or '.join(Hours)}")
        return cls(unit, RequestKind(kind) if kind is not None else None, Hours(hours) if hours is not None else None)

    def __str__(self) -> str:
        terms = (("unit", self.unit), ("request_kind", self.request_kind), ("hours", self.hours))
        return ";".join(f"{name}={value}" for name, value in terms if value is not None)

    def fits(self, case: Situation) -> bool:
        return (
            (self.unit is None or self.unit in case.units)
            and (self.request_kind is None or self.request_kind == case.request_kind)
            and (self.hours is None or self.hours == case.hours)
        )

    def rank(self, case: Situation) -> tuple[int, bool, bool]:
        """Among conditions that fit the case, the least is the most specific."""
        nearness = case.units.index(self.unit) if self.unit is not None else len(case.units)
        return nearness, self.request_kind is None, self.hours is None


ALWAYS = Condition()


@dataclass(frozen=True, slots=True)
class Responsibility:
    """One row of the responsibility list.

    It applies from the beginning of its first day to the end of its last, both in the street's zone. `version` is that
    of the list in which the row came to be as it is.
    """

    category: str
    name_zh: str
    name_en: str
    area: str
    registration: Registration
    start_level: Level
    org_kind: OrgKind
    skills: frozenset[str]
    clocks: Clocks
    evidence: Literal["none", "note", "photo"]
    points: int
    kind: Literal["component", "matter"] = "matter"
    standard_ref: str = ""
    condition: Condition = ALWAYS
    effective_from: date = FROM_EVER
    effective_until: date = FOR_EVER
    unanswered: Unanswered = Unanswered.GO_ON
    helpers: tuple[str, ...] = ()
    """Who helps with every order of the row: codes of units, or levels above the unit of the order."""
    version: int = 1

    def is_effective(self, day: date) -> bool:
        return self.effective_from <= day <= self.effective_until

    def overlaps(self, other: Responsibility) -> bool:
        return self.effective_from <= other.effective_until and other.effective_from <= self.effective_until

    @property
    def period(self) -> str:
        since = f" from {self.effective_from}" if self.effective_from != FROM_EVER else ""
        return since + (f" until {self.effective_until}" if self.effective_until != FOR_EVER else "")


@dataclass(frozen=True, slots=True)
class Selected:
    """The row that applies to a case, if one does, and the reasons."""

    row: Responsibility | None
    because: Explanation


def select(category: str, rows: Iterable[Responsibility], case: Situation, at: datetime) -> Selected:
    """Of the rows of a category the most specific that fits the case at that moment."""
    listed, day = list(rows), local_day(at)
    fitting = [row for row in listed if row.is_effective(day) and row.condition.fits(case)]
    if fitting:
        row = min(fitting, key=lambda row: row.condition.rank(case))
        return Selected(row, tuple(_applies(row)))
    if not listed:
        return Selected(None, (Reason(Why.CATEGORY_NOT_LISTED, {"category": category}),))
    return Selected(None, (Reason(Why.NO_ROW_APPLIES, {"category": category, "day": str(day)}),))


def _applies(row: Responsibility) -> Iterator[Reason]:
    yield Reason(Why.ROW_APPLIES, {"category": row.category, "version": row.version})
    if row.condition != ALWAYS:
        yield Reason(Why.ROW_CONDITION, {"condition": str(row.condition)})
    if row.effective_from != FROM_EVER:
        yield Reason(Why.ROW_FROM, {"day": str(row.effective_from)})
    if row.effective_until != FOR_EVER:
        yield Reason(Why.ROW_UNTIL, {"day": str(row.effective_until)})


def next_turn(rows: Iterable[Responsibility], after: datetime) -> datetime | None:
    """The next moment at which a row begins to apply, or no longer does."""
    day = local_day(after)
    days = [row.effective_from for row in rows if row.effective_from > day]
    days += [row.effective_until + timedelta(1) for row in rows if day <= row.effective_until < FOR_EVER]
    return datetime.combine(min(days), time(), STREET_ZONE) if days else None


CategoryInfo = tuple[str, str, str, Registration, Unanswered]
"""Name in both languages, area, registration, what no answer does: what a category is to those who take reports."""


def categories(rows: Iterable[Responsibility], at: datetime) -> dict[str, CategoryInfo]:
    """What may be reported at a moment: rows of one category that apply at the same time agree on it."""
    day = local_day(at)
    return {
        r.category: (r.name_zh, r.name_en or r.name_zh, r.area, r.registration, r.unanswered)
        for r in rows
        if r.is_effective(day)
    }


def category_facts(
    tenant: str, before: Mapping[str, CategoryInfo], after: Mapping[str, CategoryInfo], now: datetime
) -> list[CategoryChanged]:
    """Who takes reports hears of each category that has come, changed or gone."""
    gone = {category: told for category, told in before.items() if category not in after}
    new = {category: told for category, told in after.items() if before.get(category) != told}
    return [
        CategoryChanged(
            tenant=tenant,
            occurred_at=now,
            category=category,
            name_zh=name_zh,
            name_en=name_en,
            area=area,
            registration=registration,
            active=category in after,
            unanswered=unanswered,
        )
        for category, (name_zh, name_en, area, registration, unanswered) in sorted((gone | new).items())
    ]
