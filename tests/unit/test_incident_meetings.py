"""Minutes of meetings: what is refused of them, what becomes of their matters, and when a plan is carried out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from libs.contracts.dispatch import OrderChecked, OrderHandled
from libs.contracts.values import Answer, Place, Registration, RequestKind, SealedContact
from services.incident.cases.domain import history
from services.incident.cases.domain.case import Closing, Standing, State, apply_order_fact, begin, reopen
from services.incident.cases.domain.history import apply_entry, no_entries
from services.incident.cases.domain.refusals import Refusal
from services.incident.meetings.domain import (
    Matter,
    MeetingKind,
    RecordMeeting,
    StandingMatter,
    fingerprint,
    key_used,
    refuse_carrying_out,
    reports_of,
    unfit,
)
from tests.support.stage import NOON

TENANT, UNIT = "370784004", "370784004201"
CASE = UUID(int=7)
LAMP = Matter("11001", "村口加一盏路灯", None, None, None, None, "AAAA")
SQUARE = Matter("11002", "广场晚上太吵", Place(name="文化广场"), "M7", None, None, "BBBB")
OLD = StandingMatter("20261101-000001", "施工队下周进场")
MEETING = RecordMeeting(
    TENANT, "web", "k", MeetingKind.COUNCIL, UNIT, NOON, Place(name="村委会"), "M1", (LAMP, SQUARE), (OLD,)
)
IN_USE = {(TENANT, "11001"), (TENANT, "11002")}
KINDS = {OLD.case_no: RequestKind.PROPOSAL}


def test_each_matter_becomes_a_report_of_a_proposal_at_the_unit_unless_it_says_where() -> None:
    reports = reports_of(MEETING, CASE, "凌河村", NOON)
    assert [(r.text, r.where.name, r.reported_by_member, code) for r, code in reports] == [
        ("村口加一盏路灯", "凌河村", None, "AAAA"),
        ("广场晚上太吵", "文化广场", "M7", "BBBB"),
    ]
    assert {r.request_kind for r, _ in reports} == {RequestKind.PROPOSAL}


def test_their_keys_sort_in_the_sequence_of_the_minutes() -> None:
    keys = [r.key for r, _ in reports_of(replace(MEETING, matters=(LAMP,) * 50), CASE, "凌河村", NOON)]
    assert keys == sorted(keys)
    assert len(set(keys)) == 50


@pytest.mark.parametrize(
    ("meeting", "name", "kinds", "said"),
    [
        (MEETING, None, KINDS, UNIT),
        (replace(MEETING, held_at=NOON + timedelta(minutes=1)), "凌河村", KINDS, "held_at"),
        (
            replace(MEETING, matters=(LAMP, replace(LAMP, category="99999"))),
            "凌河村",
            KINDS,
            "matters.1.category 99999",
        ),
        (MEETING, "凌河村", {}, "standing.0.case_no"),
        (MEETING, "凌河村", {OLD.case_no: RequestKind.SNAPSHOT}, "standing.0.case_no"),
    ],
)
def test_one_wrong_matter_refuses_the_minutes_and_is_named(
    meeting: RecordMeeting, name: str | None, kinds: dict[str, RequestKind], said: str
) -> None:
    refused = unfit(meeting, name, IN_USE, kinds, NOON)
    assert isinstance(refused, Refusal)
    assert said in refused.detail.zh
    assert said in refused.detail.en
    assert unfit(MEETING, "凌河村", IN_USE, KINDS, NOON) is None


def test_the_same_minutes_have_one_fingerprint_whatever_the_contacts_and_the_offset() -> None:
    sealed = replace(LAMP, sealed_contact=SealedContact(key_id="k", box="x"), reporter_id=CASE, tracking_code="CCCC")
    assert fingerprint(replace(MEETING, matters=(sealed, SQUARE))) == fingerprint(MEETING)
    others = (
        replace(MEETING, unit=TENANT),
        replace(MEETING, kind=MeetingKind.HEART_TO_HEART),
        replace(MEETING, held_at=NOON + timedelta(minutes=1)),
        replace(MEETING, place=Place(name="广场")),
        replace(MEETING, by_member="M2"),
        replace(MEETING, matters=(SQUARE, LAMP)),
        replace(MEETING, standing=()),
    )
    assert len({fingerprint(each) for each in (MEETING, *others)}) == 8
    assert "k" in key_used(MEETING).detail.en


def facts(answer: Answer, minutes: int = 0) -> tuple[OrderHandled, OrderChecked]:
    planned_for = date(2027, 6, 30) if answer is Answer.PLANNED else None
    said = {"tenant": TENANT, "case_id": CASE, "order_id": UUID(int=8), "category": "11001", "member_id": "M1"}
    said |= {"org_id": "P4", "on_time": True, "answer": answer, "planned_for": planned_for, "result": "理由"}
    at = NOON + timedelta(minutes=minutes)
    check = {"passed": True, "checked_by": "M2", "checked_by_org": "P4", "points": 5, "own_report": False}
    handled = OrderHandled(**said, occurred_at=at)
    return handled, OrderChecked(**said, **check, occurred_at=at + timedelta(minutes=1))


def closed(answer: Answer) -> Standing:
    case = begin(Registration.AUTOMATIC)
    for fact in facts(answer):
        case = apply_order_fact(case, fact)
    return case


@pytest.mark.parametrize("answer", list(Answer))
def test_only_what_was_planned_is_carried_out(answer: Answer) -> None:
    assert (refuse_carrying_out(closed(answer)) is None) == (answer is Answer.PLANNED)


def test_what_is_not_closed_or_has_no_answer_is_not_carried_out() -> None:
    planned = closed(Answer.PLANNED)
    for case in (
        begin(Registration.AUTOMATIC),
        reopen(planned, NOON + timedelta(hours=1), UUID(int=9)),
        replace(planned, closing=Closing(NOON, CASE, CASE)),
    ):
        refused = refuse_carrying_out(case)
        assert refused is not None
        assert "planned" in refused.en


def test_the_answer_of_the_check_is_that_of_the_closing() -> None:
    closing = closed(Answer.PLANNED).closing
    assert closing is not None
    assert (closing.answer, closing.planned_for, closing.result) == (Answer.PLANNED, date(2027, 6, 30), "理由")


def test_what_was_carried_out_is_so_in_the_history_until_the_case_is_opened_again() -> None:
    at = NOON + timedelta(hours=1)
    entry, _ = history.append(no_entries(NOON), TENANT, CASE, UUID(int=10), "carried_out", at, at, {"words": "装好"})
    done = apply_entry(closed(Answer.PLANNED), entry)
    assert (done.carried_out_at, done.state) == (at, State.CLOSED)
    again = reopen(done, at + timedelta(hours=1), UUID(int=9))
    assert again.carried_out_at is None
