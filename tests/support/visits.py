"""A round of a campaign and what members say of their visits, as values."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from libs.chassis.db.ids import new_id
from services.dispatch.campaigns.domain.campaign import Wrong, begin
from services.dispatch.patrols.domain.patrol import Round, State, Task, plan_round
from services.dispatch.patrols.domain.visit import Answer, RecordVisit, Visit, visit
from tests.support.campaigns import PLAN
from tests.support.small_street import ROOT, STREET
from tests.support.stage import NOON

FIRST, SECOND, THIRD = (f"{ROOT}{code}" for code in ("20101", "20102", "20201"))
ANSWERS = (Answer("灭火器在位", True, ("photo-1",)),)


def planned() -> tuple[Round, list[Task]]:
    return plan_round(new_id(), begin(new_id(), ROOT, PLAN, NOON), NOON, STREET)


ROUND, TASKS = planned()


def said(at: datetime = NOON + timedelta(hours=1), **other: object) -> RecordVisit:
    usual = RecordVisit(ROOT, "k1", ROUND.round_id, FIRST, "M1", at, (119.005, 36.005), ANSWERS, ())
    return replace(usual, **other)  # type: ignore[arg-type]


def visited(what: RecordVisit, state: State = State.PLANNED, metres: int | None = 0) -> Visit:
    decided = visit(new_id(), what, ROUND, state, metres, STREET, NOON + timedelta(days=2))
    assert isinstance(decided, Visit), decided
    return decided


def refused(what: RecordVisit, now: datetime = NOON + timedelta(days=2)) -> list[Wrong]:
    decided = visit(new_id(), what, ROUND, State.PLANNED, 0, STREET, now)
    assert isinstance(decided, list)
    return decided
