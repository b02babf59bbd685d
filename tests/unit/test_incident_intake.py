"""Fingerprints, numbers and codes of reports, and what may be said about a closed case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.contracts.incident import ReportCase
from libs.contracts.values import Appointment, Place, Point, SealedContact
from services.incident.cases.domain.case import Closing, Standing, State
from services.incident.cases.domain.refusals import Conflict
from services.incident.cases.domain.tracking_code import as_issued, tracking_code
from services.incident.feedback.domain import FEEDBACK_TIME, Evaluation, evaluate, settle
from services.incident.intake.domain import case_number, fingerprint, unfit_particulars, unfit_sender, unstorable
from tests.support.reports import REPORT
from tests.support.stage import NOON


def test_the_contact_has_no_part_in_the_fingerprint() -> None:
    sealed = SealedContact(key_id="k", box="AAAA")
    assert fingerprint(REPORT.model_copy(update={"sealed_contact": sealed})) == fingerprint(REPORT)


@pytest.mark.parametrize(
    "change",
    [
        {"text": "路灯又不亮"},
        {"category": "11002"},
        {"place": Place(name="儒林")},
        {"place": Place(point=Point(longitude=119.2, latitude=36.5))},
        {"reported_by_member": "m-1"},
        {"component": "LD-1"},
        {"appointment": Appointment(starts_at=NOON, ends_at=NOON + timedelta(hours=1))},
        {"documents": ("户口簿",)},
    ],
)
def test_every_other_part_of_a_report_has(change: dict[str, object]) -> None:
    assert fingerprint(REPORT.model_copy(update=change)) != fingerprint(REPORT)


@pytest.mark.parametrize(("sender", "fits"), [("hotline-12345", True), ("web", True), ("13800000000", False)])
def test_a_sender_is_a_system_and_nobodys_number(sender: str, fits: bool) -> None:
    """Every fact about the case names it."""
    assert (unfit_sender(REPORT.model_copy(update={"sender": sender})) is None) is fits


@pytest.mark.parametrize("words", ["户口簿\0", "电话 13800138000", "370784199001010017"])
def test_a_particular_goes_on_as_it_is_and_so_has_nothing_like_a_contact(words: str) -> None:
    refusal = unfit_particulars(REPORT.model_copy(update={"documents": ("照片", words)}))
    assert refusal is not None
    assert "documents.1" in str(refusal.detail)
    assert unfit_particulars(REPORT.model_copy(update={"documents": ("照片", "户口簿")})) is None


def test_a_case_number_has_the_day_in_the_street() -> None:
    assert case_number(datetime(2026, 11, 23, 16, 30, tzinfo=UTC), 7) == "20261124-000007"
    assert case_number(NOON, 1234567) == "20261123-1234567"


@given(st.integers(0, 2**65 - 1), st.integers(0, 2**65 - 1))
def test_tracking_codes_differ_as_their_bits_do_and_are_read_as_a_person_types_them(one: int, other: int) -> None:
    code = tracking_code(one)
    assert len(code) == 13
    assert (tracking_code(other) == code) == (one == other)
    assert as_issued(f"{code[:5]}-{code[5:]} ".lower().replace("0", "o").replace("1", "l")) == code


def test_a_tracking_code_has_all_of_its_bits_the_first_ones_first() -> None:
    assert tracking_code(0) == "0" * 13
    assert tracking_code(2**65 - 1) == "Z" * 13
    assert tracking_code(1) == "0" * 12 + "1"
    assert tracking_code(2**60) == "1" + "0" * 12


def test_what_cannot_be_a_tracking_code_is_none() -> None:
    assert [as_issued(typed) for typed in ("", "ABC", "U" * 13, "0" * 14, "\0" * 13)] == [None] * 5


def test_a_nul_character_is_refused_before_it_reaches_the_database() -> None:
    assert unstorable(REPORT) is None
    assert unstorable(REPORT.model_copy(update={"text": "灯\0"})) is not None


def closed(reopened_times: int = 0) -> Standing:
    closing = Closing(NOON, UUID(int=1), UUID(int=2))
    return Standing(State.CLOSED, closing=closing, reopened_times=reopened_times)


LATER = NOON + timedelta(days=14)


def test_not_satisfied_opens_a_case_again_twice_and_no_more() -> None:
    assert [evaluate(closed(times), None, False, None, LATER) for times in (0, 1, 2)] == [
        Evaluation(False, None, reopened=True),
        Evaluation(False, None, reopened=True),
        Evaluation(False, None, reopened=False),
    ]
    assert evaluate(closed(), None, True, "好", LATER) == Evaluation(True, "好", reopened=False)


def test_after_fourteen_days_to_the_microsecond_it_is_too_late_and_settled() -> None:
    closing = UUID(int=1)
    assert isinstance(evaluate(closed(), None, True, None, LATER), Evaluation)
    assert settle(closed(), closing, LATER) is None
    just_after = LATER + timedelta(microseconds=1)
    late = evaluate(closed(), None, True, None, just_after)
    assert isinstance(late, Conflict)
    assert "14 days" in late.detail.en
    settled = settle(closed(), closing, just_after)
    assert settled is not None
    assert settled.settled_at == LATER
    assert just_after - NOON == FEEDBACK_TIME


def test_a_case_that_was_opened_or_closed_again_is_not_settled_by_an_earlier_closing() -> None:
    late = LATER + timedelta(days=9)
    assert settle(closed(), UUID(int=9), late) is None
    assert settle(Standing(State.IN_PROGRESS, closing=closed().closing), UUID(int=1), late) is None


def test_the_same_answer_again_is_no_conflict_also_after_it_opened_the_case() -> None:
    earlier = Evaluation(False, None, reopened=True)
    assert evaluate(Standing(State.IN_PROGRESS), earlier, False, None, LATER) is earlier
    assert isinstance(evaluate(closed(), earlier, True, None, LATER), Conflict)


def test_an_evaluation_of_a_closing_that_is_past_is_not_taken_for_the_next_one() -> None:
    """A request may be held up for long, and the reporter has sent it again meanwhile."""
    case = closed()
    assert case.closing is not None
    assert isinstance(evaluate(case, None, False, None, LATER, case.closing.by), Evaluation)
    late = evaluate(case, None, False, None, LATER, uuid4())
    assert isinstance(late, Conflict)
    assert late.title == "Closed again"


@pytest.mark.parametrize("state", [s for s in State if s is not State.CLOSED])
def test_only_a_closed_case_is_evaluated(state: State) -> None:
    refused = evaluate(Standing(state), None, True, None, NOON)
    assert isinstance(refused, Conflict)
    assert state in refused.detail.en


@pytest.mark.parametrize("tenant", ["３７０７８４００４", "٣٧٠٧٨٤٠٠٤"])
def test_a_code_is_written_with_the_digits_of_ascii(tenant: str) -> None:
    with pytest.raises(ValidationError, match="tenant"):
        ReportCase.model_validate({**REPORT.model_dump(), "tenant": tenant})


def test_windows_a_microsecond_apart_are_not_the_same() -> None:
    def window(microseconds: int) -> ReportCase:
        starts_at = NOON + timedelta(microseconds=microseconds)
        return REPORT.model_copy(
            update={"appointment": Appointment(starts_at=starts_at, ends_at=NOON + timedelta(hours=2))}
        )

    assert len({fingerprint(window(n)) for n in range(3)}) == 3
