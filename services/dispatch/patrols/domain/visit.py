"""A visit (巡查): whether what a member says fits the round, and how it counts. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from libs.contracts.dispatch import PatrolVisited
from libs.sentences import Sentence, none_in_street
from libs.street_time import local_minutes
from services.dispatch.campaigns.domain.campaign import AnswerKind, Item, Wrong, not_listed
from services.dispatch.grid.domain.borders import METRES_PER_DEGREE
from services.dispatch.grid.domain.tree import as_array
from services.dispatch.patrols.domain.patrol import MOVES, Move, Round, State
from services.dispatch.street.domain.street import Member, Street

NEAR_METRES = 100
"""How far off a receiver may be between houses; a visit from further away is kept, and flagged."""

CLOCKS_DIFFER = timedelta(minutes=5)
"""A visit may be so much in the future, or before its round: the clock of a phone is not ours."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found for one item of the checklist."""

    item: str
    value: bool | float | str
    photos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """Something that is to become a case; category and point where they are not the campaign's and the visit's."""

    description: str
    category: str | None = None
    point: tuple[float, float] | None = None
    photos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordVisit:
    """What a member says. `key` names the visit: said again, it has the same answer. `point`: longitude, latitude."""

    tenant: str
    key: str
    round_id: UUID
    unit: str
    member_id: str
    visited_at: datetime
    point: tuple[float, float]
    answers: tuple[Answer, ...]
    findings: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit as it is kept. `metres_off`: how far from the unit it was, None where the unit has no border.

    `first`: nobody had been in this round; `on_time`: before its end, by the visit's own time.
    """

    visit_id: UUID
    said: RecordVisit
    org_id: str
    metres_off: int | None
    on_time: bool
    first: bool

    @property
    def in_place(self) -> bool:
        return self.metres_off is not None and self.metres_off <= NEAR_METRES

    def after(self, state: State) -> State:
        """The state of the task when this visit is known."""
        found = MOVES.get(state, Move.VISIT if self.on_time else Move.VISIT_LATE)
        return found.leads(state) if found else state


def visit(
    visit_id: UUID,
    said: RecordVisit,
    of: Round,
    state: State,
    metres_off: int | None,
    street: Street,
    now: datetime,
) -> Visit | list[Wrong]:
    """The visit, however late and wherever it was; or every field of it that does not fit."""
    member = street.members.get(said.member_id)
    wrong = [
        *_wrong_member(said, member, street),
        *_wrong_time(of, said.visited_at, now),
        *wrong_answers(of.checklist, said.answers),
        *_wrong_findings(said.findings, street, now),
    ]
    if wrong or member is None:
        return wrong
    return Visit(
        visit_id=visit_id,
        said=said,
        org_id=member.org_id,
        metres_off=metres_off,
        on_time=said.visited_at <= of.visit_by,
        first=state in (State.PLANNED, State.MISSED),
    )


def fact_of(visit: Visit, of: Round) -> PatrolVisited:
    return PatrolVisited(
        tenant=of.tenant,
        occurred_at=visit.said.visited_at,
        campaign_id=of.campaign_id,
        round_id=of.round_id,
        visit_id=visit.visit_id,
        unit=visit.said.unit,
        member_id=visit.said.member_id,
        org_id=visit.org_id,
        first=visit.first,
        on_time=visit.on_time,
        in_place=visit.in_place,
        findings=len(visit.said.findings),
    )


def fingerprint(said: RecordVisit) -> bytes:
    """SHA-256 of what is said, without the key."""
    return sha256(json.dumps({**asdict(said), "key": None}, default=str, sort_keys=True).encode()).digest()


def _wrong_member(said: RecordVisit, member: Member | None, street: Street) -> list[Wrong]:
    nobody = none_in_street(street.tenant, f"成员 {said.member_id}", f"member {said.member_id}")
    return [] if member else [Wrong("member_id", nobody)]


def _wrong_time(of: Round, visited_at: datetime, now: datetime) -> list[Wrong]:
    if visited_at > now + CLOCKS_DIFFER:
        at = local_minutes(now)
        en = f"it is later than now, {at}: is the clock of the phone right?"
        return [Wrong("visited_at", Sentence(f"晚于现在（{at}）：手机的时间准吗？", en))]
    if visited_at < of.planned_at - CLOCKS_DIFFER:
        at = local_minutes(of.planned_at)
        return [Wrong("visited_at", Sentence(f"这一轮 {at} 才开始", f"the round begins at {at}"))]
    return []


def _wrong_findings(findings: Iterable[Found], street: Street, now: datetime) -> list[Wrong]:
    unknown = {f.category for f in findings if f.category and not street.is_listed(f.category, now)}
    return [Wrong("findings", not_listed(category, street)) for category in sorted(unknown)]


def wrong_answers(checklist: Sequence[Item], answers: Sequence[Answer]) -> list[Wrong]:
    """Every answer that the checklist does not ask for or asks for otherwise, and every one that is missing."""
    items = [item.name for item in checklist]
    wrong = []
    for name, count in Counter(answer.item for answer in answers).items():
        if name not in items:
            asked = ", ".join(items)
            zh = f"清单中没有 {name}；有：{asked or '（空）'}"
            wrong.append(_wrong(zh, f"{name} is no item; the checklist asks for {asked or 'nothing'}"))
        elif count > 1:
            wrong.append(
                _wrong(f"{name} 填了 {count} 次，只需一次", f"{name} is answered {count} times; once is wanted")
            )
    given = {answer.item: answer for answer in answers}
    for item in checklist:
        answer = given.get(item.name)
        if answer is None:
            if item.required:
                wanted = _WANTED[item.kind]
                en = f"{item.name} is not answered, and must be, with {wanted.en}"
                wrong.append(_wrong(f"{item.name} 未填，应填{wanted.zh}", en))
        elif not _fits(answer.value, item.kind):
            wanted = _WANTED[item.kind]
            wrong.append(_wrong(f"{item.name} 应填{wanted.zh}", f"{item.name} wants {wanted.en}"))
        elif item.photo and not answer.photos:
            wrong.append(_wrong(f"{item.name} 需要照片", f"{item.name} wants a photo"))
    return wrong


def _wrong(zh: str, en: str) -> Wrong:
    return Wrong("answers", Sentence(zh, en))


_WANTED = {
    AnswerKind.YES_NO: Sentence("是或否（true、false）", "true or false"),
    AnswerKind.NUMBER: Sentence("数字", "a number"),
    AnswerKind.TEXT: Sentence("文字", "some text"),
}


def _fits(value: bool | float | str, kind: AnswerKind) -> bool:
    match kind:
        case AnswerKind.YES_NO:
            return isinstance(value, bool)
        case AnswerKind.NUMBER:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case AnswerKind.TEXT:
            return isinstance(value, str) and bool(value.strip())


def metres_off(points: Sequence[tuple[str, tuple[float, float]]], street: Street) -> list[int | None]:
    """For each (unit, point) how far the point is from the unit; None where neither it nor one below has a border."""
    located = street.units.map.locate([point for _, point in points])
    return [
        0 if found and not found.metres and _is_in(found.unit, unit, street) else _distance(unit, *point, street)
        for found, (unit, point) in zip(located, points, strict=True)
    ]


def _is_in(index: int, unit: str, street: Street) -> bool:
    return street.units.above(index, street.units[unit].level) == street.units.index(unit)


def _distance(unit: str, longitude: float, latitude: float, street: Street) -> int | None:
    """In metres on the ground, to the border of the unit, or to the nearest of those below it."""
    own = street.units.borders[street.units.index(unit)]
    borders = [own] if own is not None else _borders_below(unit, street)
    if not borders:
        return None
    scale = np.array([np.cos(np.radians(latitude)), 1.0]) * METRES_PER_DEGREE
    here = shapely.points(np.array([longitude, latitude]) * scale)
    flat = shapely.transform(as_array(borders), lambda xy: xy * scale)
    return int(np.min(shapely.distance(flat, here)))


def _borders_below(unit: str, street: Street) -> list[BaseGeometry]:
    return [b for at, b in enumerate(street.units.borders) if b is not None and _is_in(at, unit, street)]
