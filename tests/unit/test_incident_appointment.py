"""What a report may say of a window and of papers."""

from __future__ import annotations

from datetime import timedelta, timezone

import pytest
from pydantic import ValidationError

from libs.contracts.values import Appointment, RequestKind
from services.incident.appointments.domain import change, unfit
from services.incident.cases.domain.case import Standing, State
from services.incident.cases.domain.refusals import Conflict, Refusal
from services.incident.intake.domain import fingerprint
from tests.support.reports import REPORT
from tests.support.stage import NOON

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ERRAND = REPORT.model_copy(update={"request_kind": RequestKind.ERRAND})


def window(starts_in: timedelta, length: timedelta = HOUR) -> Appointment:
    return Appointment(starts_at=NOON + starts_in, ends_at=NOON + starts_in + length)


@pytest.mark.parametrize("length", [timedelta(0), -HOUR, DAY + timedelta(microseconds=1)])
def test_a_window_ends_after_it_starts_and_within_a_day(length: timedelta) -> None:
    with pytest.raises(ValidationError, match="24 hours"):
        window(HOUR, length)


@pytest.mark.parametrize(
    ("starts_in", "title"),
    [
        (DAY, None),
        (60 * DAY, None),
        (timedelta(minutes=-59), None),
        (-HOUR, "Appointment is over"),
        (60 * DAY + timedelta(seconds=1), "Appointment too far ahead"),
    ],
)
def test_a_window_may_have_begun_but_is_neither_over_nor_far_ahead(starts_in: timedelta, title: str | None) -> None:
    refusal = unfit(ERRAND.model_copy(update={"appointment": window(starts_in)}), NOON)
    assert (refusal.title if refusal else None) == title


@pytest.mark.parametrize("kind", RequestKind)
@pytest.mark.parametrize("said", [{"appointment": window(DAY)}, {"documents": ("户口簿",)}])
def test_only_service_orders_and_errands_have_them(kind: RequestKind, said: dict[str, object]) -> None:
    fits = kind in (RequestKind.SERVICE_ORDER, RequestKind.ERRAND)
    assert (unfit(REPORT.model_copy(update={"request_kind": kind, **said}), NOON) is None) == fits


def test_an_errand_without_either_is_for_any_time() -> None:
    assert unfit(ERRAND, NOON) is None


@pytest.mark.parametrize(
    "documents",
    [
        ("身份证 370784199001010017",),
        ("户口簿", "电话13800000000"),
        ("社保卡 zhang@mail.example",),
        ("户口簿", "户口簿"),
        ("户\0口簿",),
    ],
)
def test_papers_are_named_once_and_without_their_numbers(documents: tuple[str, ...]) -> None:
    refusal = unfit(ERRAND.model_copy(update={"documents": documents}), NOON)
    assert refusal is not None
    assert "1380000" not in refusal.detail.en
    assert "199001" not in refusal.detail.en


@pytest.mark.parametrize("name", ["身份证", "户口簿（本人）", "2025年度纳税证明", "低保证 2 份", "Form A-12"])
def test_usual_names_of_papers_are_taken(name: str) -> None:
    assert unfit(ERRAND.model_copy(update={"documents": (name,)}), NOON) is None


def test_window_and_papers_are_part_of_what_is_reported_in_whatever_offset() -> None:
    there = ERRAND.model_copy(update={"appointment": window(DAY)})
    street = timezone(timedelta(hours=8))
    same = Appointment(starts_at=(NOON + DAY).astimezone(street), ends_at=(NOON + DAY + HOUR).astimezone(street))
    assert fingerprint(there) == fingerprint(ERRAND.model_copy(update={"appointment": same}))
    others = [
        ERRAND,
        there.model_copy(update={"documents": ("户口簿",)}),
        ERRAND.model_copy(update={"appointment": window(HOUR)}),
    ]
    assert len({fingerprint(report) for report in (there, *others)}) == 4
    # What is stored of a report must be known again by every later version.
    assert fingerprint(there).hex()[:16] == "9b9fee3d1ba8a33d"


@pytest.mark.parametrize("state", State)
def test_a_window_is_changed_until_the_work_is_done(state: State) -> None:
    refused = change(Standing(state), RequestKind.ERRAND, None, window(DAY), NOON, by_reporter=True)
    movable = state in (State.REPORTED, State.VERIFYING, State.REGISTERED, State.IN_PROGRESS)
    assert (refused is None) == movable


@pytest.mark.parametrize(("by_reporter", "title"), [(True, "Appointment has begun"), (False, None)])
def test_once_it_has_begun_only_staff_move_it(by_reporter: bool, title: str | None) -> None:
    begun, case = window(-HOUR / 2), Standing(State.IN_PROGRESS)
    refused = change(case, RequestKind.ERRAND, begun, window(DAY), NOON, by_reporter=by_reporter)
    assert (refused.title if refused else None) == title


def test_another_window_must_be_one_as_well_and_the_case_of_a_kind_that_has_any() -> None:
    case = Standing(State.REGISTERED)
    over = change(case, RequestKind.ERRAND, None, window(-DAY), NOON, by_reporter=False)
    assert isinstance(over, Refusal)
    snapshot = change(case, RequestKind.SNAPSHOT, None, window(DAY), NOON, by_reporter=False)
    assert isinstance(snapshot, Conflict)
