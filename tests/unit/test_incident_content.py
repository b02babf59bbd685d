"""What a case says, as values: kept and read again, told to its order, and corrected where it names a component."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.contracts.incident import Corrected, ReportCase
from libs.contracts.particulars import Particulars
from libs.contracts.values import Appointment, Place, Point, RequestKind
from libs.sentences import Sentence
from services.incident.cases.domain.case import Standing, State
from services.incident.cases.domain.content import Content
from services.incident.cases.domain.redaction import is_contact
from services.incident.correcting.domain import NOWHERE, Correction, correct, recorded
from services.incident.intake.domain import unfit_component
from tests.support.reports import REPORT
from tests.support.stage import NOON

SAID = Content.of(REPORT, "路灯不亮")
AT_THE_LAMP = replace(SAID, component="LD-1", place=Place(name="LD-1"))
REGISTERED = Standing(State.REGISTERED)

places = st.one_of(
    st.builds(Place, point=st.builds(Point, longitude=st.floats(-180, 180), latitude=st.floats(-90, 90))),
    st.just(Place(name="大儒林")),
)
contents = st.builds(
    replace,
    st.just(SAID),
    place=places,
    component=st.none() | st.just("LD-1"),
    request_kind=st.sampled_from(RequestKind),
    reported_by_member=st.none() | st.just("M1"),
    appointment=st.none() | st.just(Appointment(starts_at=NOON, ends_at=NOON.replace(hour=NOON.hour + 1))),
    particulars=st.just(Particulars()) | st.just(Particulars(documents=("户口簿",))),
)


@given(contents)
def test_what_is_kept_is_read_again_as_it_was(content: Content) -> None:
    assert Content.from_columns(content.columns()) == content


def test_a_long_number_is_told_where_it_is_the_code_of_the_component_and_else_is_not() -> None:
    code = "3707840102000123"
    there = Place(name=code)
    assert replace(SAID, component=code, place=there).told()["place"] == there
    assert replace(SAID, component=None, place=there).told()["place"] == Place(name="…")


def right(content: Content, **what: Any) -> Correction:
    after = correct(REGISTERED, content, {Corrected(name): value for name, value in what.items()}, "路灯不亮")
    assert isinstance(after, Correction)
    return after


def test_a_component_alone_is_corrected_alone() -> None:
    after = right(replace(SAID, component="LD-1"), component="LD-2")
    assert (after.corrected, after.content.place) == ((Corrected.COMPONENT,), SAID.place)
    assert recorded(after.content, after.corrected) == {"component": "LD-2"}


def test_a_case_that_was_nowhere_but_at_its_component_is_at_the_right_one() -> None:
    after = right(AT_THE_LAMP, component="LD-2")
    assert after.corrected == (Corrected.PLACE, Corrected.COMPONENT)
    assert after.content.is_at_its_component
    named = right(AT_THE_LAMP, component="LD-2", place=Place(name="大儒林"))
    assert named.content.place == Place(name="大儒林")


def test_nobody_takes_the_only_place_away() -> None:
    assert correct(REGISTERED, AT_THE_LAMP, {Corrected.COMPONENT: None}, "路灯不亮") is NOWHERE
    assert isinstance(NOWHERE, Sentence)
    assert right(AT_THE_LAMP, component=None, place=Place(name="大儒林")).content.component is None


@pytest.mark.parametrize("code", ["13800138000", "+8613800138000", "11010519491231002X", "li@mail.example"])
def test_a_code_that_is_somebodys_number_or_address_is_refused(code: str) -> None:
    assert is_contact(code)
    assert unfit_component(REPORT.model_copy(update={"component": code})) is not None


@pytest.mark.parametrize("code", ["LH-LD-000123", "3707840102000123", "12345678901", "灯/7", "138001380001"])
def test_a_code_of_digits_is_a_code(code: str) -> None:
    assert unfit_component(REPORT.model_copy(update={"component": code})) is None


def test_a_report_is_somewhere() -> None:
    said = REPORT.model_dump(exclude={"place", "component"})
    assert ReportCase(**said, component="LD-1").where == Place(name="LD-1")
    assert ReportCase(**said, component="LD-1", place=SAID.place).where == SAID.place
    with pytest.raises(ValidationError) as refused:
        ReportCase(**said)
    assert [error["loc"] for error in refused.value.errors()] == [("place",)]
    with pytest.raises(ValidationError) as refused:
        ReportCase(**said, component="LD 1")
    assert [error["loc"] for error in refused.value.errors()] == [("component",)]
