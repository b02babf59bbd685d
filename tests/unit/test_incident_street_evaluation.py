"""What the street may say of a closed case."""

from __future__ import annotations

from uuid import UUID

import pytest

from libs.contracts.incident import Grade
from services.incident.cases.domain.case import Closing, Standing, State
from services.incident.cases.domain.refusals import Conflict
from services.incident.street_evaluations.domain import StreetEvaluation, evaluate
from tests.support.stage import NOON

CLOSED = Standing(State.CLOSED, closing=Closing(NOON, UUID(int=1), UUID(int=2)), opened=1)
GOOD = StreetEvaluation(Grade.GOOD, "办得快", "M0003")


def test_a_closing_is_evaluated_once_and_the_same_again_is_the_same_answer() -> None:
    assert evaluate(CLOSED, None, GOOD) is GOOD
    assert evaluate(CLOSED, GOOD, StreetEvaluation(Grade.GOOD, "办得快", "M0003")) is GOOD


@pytest.mark.parametrize(
    "other",
    [
        StreetEvaluation(Grade.POOR, "办得快", "M0003"),
        StreetEvaluation(Grade.GOOD, None, "M0003"),
        StreetEvaluation(Grade.GOOD, "办得快", "M0004"),
    ],
)
def test_an_evaluation_is_not_changed_and_whoever_tries_hears_what_was_said(other: StreetEvaluation) -> None:
    refused = evaluate(CLOSED, GOOD, other)
    assert isinstance(refused, Conflict)
    assert "M0003 has evaluated this closing as good" in refused.detail.en


@pytest.mark.parametrize("state", [s for s in State if s is not State.CLOSED])
def test_only_a_closed_case_is_evaluated(state: State) -> None:
    refused = evaluate(Standing(state, closing=CLOSED.closing), None, GOOD)
    assert isinstance(refused, Conflict)
    assert state in refused.detail.en
