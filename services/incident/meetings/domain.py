"""A meeting at which residents raise matters (群众说事, 民情恳谈, 百姓议事), and why its minutes may be refused."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

from libs.contracts.incident import Receipt, ReportCase
from libs.contracts.values import Answer, Place, RequestKind, SealedContact
from libs.sentences import Sentence, none_in_street
from libs.street_time import local_minutes
from services.incident.cases.domain.case import Standing, State
from services.incident.cases.domain.refusals import Refusal, category_not_in_use

SENDER = "meetings"
"""Of the reports that come of minutes: their keys are the meeting's own."""
Scope = tuple[str, str, str]
"""(tenant, sender, key): by it a meeting that is sent again is known."""


class MeetingKind(StrEnum):
    """群众说事, 民情恳谈, 百姓议事."""

    RESIDENTS_SPEAK = "residents_speak"
    HEART_TO_HEART = "heart_to_heart"
    COUNCIL = "council"


@dataclass(frozen=True, slots=True)
class Matter:
    """What somebody raised. `place` None: where the meeting's unit is. The code is in the sealed contact already."""

    category: str
    text: str
    place: Place | None
    reported_by_member: str | None
    reporter_id: UUID | None
    sealed_contact: SealedContact | None
    tracking_code: str


@dataclass(frozen=True, slots=True)
class StandingMatter:
    """What the meeting was told of a proposal that was on its agenda."""

    case_no: str
    words: str


@dataclass(frozen=True, slots=True)
class RecordMeeting:
    tenant: str
    sender: str
    key: str
    kind: MeetingKind
    unit: str
    held_at: datetime
    place: Place
    by_member: str
    matters: tuple[Matter, ...]
    standing: tuple[StandingMatter, ...]

    @property
    def scope(self) -> Scope:
        return self.tenant, self.sender, self.key


@dataclass(frozen=True, slots=True)
class Recorded:
    """The answer: the meeting, and the cases that its matters have become, in their sequence."""

    meeting_id: UUID
    matters: tuple[Receipt, ...]


@dataclass(frozen=True, slots=True)
class CarryOut:
    """The desk says that what was planned for a proposal is done."""

    tenant: str
    case_no: str
    by_member: str
    words: str


def fingerprint(meeting: RecordMeeting) -> bytes:
    """SHA-256 of the minutes without contacts: even the hash of one could be guessed."""
    parts = [
        meeting.kind,
        meeting.unit,
        meeting.held_at.astimezone(UTC).isoformat(),
        _of(meeting.place),
        meeting.by_member,
        [[m.category, m.text, _of(m.place), m.reported_by_member] for m in meeting.matters],
        [[s.case_no, s.words] for s in meeting.standing],
    ]
    return sha256(json.dumps(parts).encode()).digest()


def _of(place: Place | None) -> object:
    return place and place.model_dump()


def reports_of(meeting: RecordMeeting, meeting_id: UUID, unit_name: str, now: datetime) -> list[tuple[ReportCase, str]]:
    """Its matters as reports, each with its tracking code; in the sequence of their keys."""
    somewhere = Place(name=unit_name)
    return [
        (
            ReportCase(
                tenant=meeting.tenant,
                occurred_at=now,
                sender=SENDER,
                key=f"{meeting_id}/{n:02d}",
                category=matter.category,
                text=matter.text,
                place=matter.place or somewhere,
                request_kind=RequestKind.PROPOSAL,
                reporter_id=matter.reporter_id,
                sealed_contact=matter.sealed_contact,
                reported_by_member=matter.reported_by_member,
            ),
            matter.tracking_code,
        )
        for n, matter in enumerate(meeting.matters, start=1)
    ]


def unfit(
    meeting: RecordMeeting,
    unit_name: str | None,
    categories: Collection[tuple[str, str]],
    kinds: Mapping[str, RequestKind],
    now: datetime,
) -> Refusal | None:
    """Why nothing of the minutes is taken. `categories`: (tenant, code) in use; `kinds`: of the cases, by number."""
    if unit_name is None:
        return Refusal("Unknown unit", no_unit(meeting.tenant, meeting.unit))
    if meeting.held_at > now:
        at = local_minutes(meeting.held_at)
        zh = f"held_at {at}：还没有到；会议开过后再记录。"
        return Refusal(
            "Not held yet", Sentence(zh, f"held_at {at}: that is to come; record a meeting when it is over.")
        )
    for n, matter in enumerate(meeting.matters):
        if (meeting.tenant, matter.category) not in categories:
            why = category_not_in_use(meeting.tenant, matter.category)
            return Refusal(why.title, _prefixed(f"matters.{n}.", why.detail))
    for n, each in enumerate(meeting.standing):
        if each.case_no not in kinds:
            none = none_in_street(meeting.tenant, f"案件 {each.case_no}", f"case {each.case_no}")
            return Refusal("Unknown case", _prefixed(f"standing.{n}.case_no: ", none))
        if kinds[each.case_no] is not RequestKind.PROPOSAL:
            wrong = Sentence(
                f"案件 {each.case_no} 不是建议（proposal），不在议程上；可写备注 POST /v1/cases/{each.case_no}/notes。",
                f"case {each.case_no} is no proposal and on no agenda; POST /v1/cases/{each.case_no}/notes notes it.",
            )
            return Refusal("No proposal", _prefixed(f"standing.{n}.case_no: ", wrong))
    return None


def _prefixed(where: str, why: Sentence) -> Sentence:
    return Sentence(where + why.zh, where + why.en)


def no_unit(tenant: str, unit: str) -> Sentence:
    return none_in_street(tenant, f"网格 {unit}", f"unit {unit}")


def key_used(meeting: RecordMeeting) -> Refusal:
    zh = f"Idempotency-Key {meeting.key}：已用它记录过内容不同的会议。内容相同才会得到同样的回答；新的会议请用新的。"
    en = (
        f"Idempotency-Key {meeting.key}: a meeting with other content was recorded under it. "
        "Send the same content to have the same answer, or a new key for a new meeting."
    )
    return Refusal("Key used for another meeting", Sentence(zh, en))


def refuse_carrying_out(case: Standing) -> Sentence | None:
    """Only a plan is carried out: what was planned in answer to a proposal that is closed."""
    answer = case.closing.answer if case.closing else None
    if case.state is State.CLOSED and answer is Answer.PLANNED:
        return None
    return Sentence(
        "只有已答复“列入计划”（planned）并结案的建议才能落实。",
        "Only a closed proposal whose answer is planned is carried out.",
    )
