"""The tables of transitions: complete, in both languages, and the source of every refusal."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest

from libs.sentences import Sentence
from libs.transitions import NEEDS, ROLES, Impossible, Label, Need, Role, Table, Transition
from wangge.documents import TRANSITION_TABLES


class Lamp(StrEnum):
    OUT = "out"
    LIT = "lit"


class Turn(StrEnum):
    ON = "turn_on"
    REPORT = "report"
    COMPLAIN = "complain"
    BURN = "burn"


LAMP = Table(
    Label("lamp", "灯"),
    {Lamp.OUT: "灭", Lamp.LIT: "亮"},
    (
        Transition(Turn.ON, "开灯", (Lamp.OUT,), Lamp.LIT, Role.HANDLER, (Need.REASON, Need.PHOTO)),
        Transition(Turn.REPORT, "上报", (Lamp.OUT,), None, Role.MEMBER, path="reports", sends=("out", True)),
        Transition(Turn.COMPLAIN, "投诉", (Lamp.OUT, Lamp.LIT), None, Role.REPORTER),
        Transition(Turn.BURN, "烧毁", (Lamp.LIT,), Lamp.OUT, Role.CLOCK),
    ),
)


def test_a_refusal_names_the_moves_that_there_are_and_what_they_need() -> None:
    refused = LAMP.find(Lamp.OUT, Turn.BURN)
    assert isinstance(refused, Impossible)
    assert refused.detail == Sentence(
        "灯灭，现在不能烧毁；可以：开灯、上报", "the lamp is out: burn is not possible now, only turn_on, report"
    )
    on = {"move": "turn_on", "zh": "开灯", "path": "turn_on", "sends": {}, "leads_to": "lit", "who": "handler"}
    report: dict[str, Any] = {
        "move": "report",
        "zh": "上报",
        "path": "reports",
        "sends": {"out": True},
        "leads_to": None,
        "who": "member",
        "needs": [],
    }
    assert [t.shown() for t in refused.allowed] == [{**on, "needs": ["reason", "photo"]}, report]


def test_a_sentence_that_would_list_many_moves_names_none() -> None:
    many = tuple(Transition(turn, "转", (Lamp.OUT,), None, Role.MEMBER) for turn in Turn)
    burning = Transition(Turn.BURN, "烧毁", (Lamp.LIT,), Lamp.OUT, Role.CLOCK)
    refused = Table(LAMP.name, LAMP.states, (*many[:3], burning)).impossible(Lamp.OUT, Turn.BURN)
    assert refused.detail.en == "the lamp is out: burn is not possible now, only turn_on, report, complain"
    refused = Table(LAMP.name, LAMP.states, (*many, burning)).impossible(Lamp.OUT, Turn.BURN)
    assert refused.detail.en == "the lamp is out: burn is not possible now"
    assert [t.move for t in refused.allowed] == list(Turn)


def test_what_only_a_clock_or_the_reporter_moves_is_offered_to_nobody_of_the_staff() -> None:
    nothing = Sentence("灯亮，现在不能开灯", "the lamp is lit: turn_on is not possible now")
    assert LAMP.impossible(Lamp.LIT, Turn.ON) == Impossible(nothing, ())


def test_a_move_without_a_target_leaves_the_state_as_it_is() -> None:
    found = LAMP.get(Lamp.OUT, Turn.REPORT)
    assert found is not None
    assert found.leads(Lamp.OUT) is Lamp.OUT


def test_a_move_cannot_lead_from_one_state_to_two() -> None:
    twice = Transition(Turn.ON, "开灯", (Lamp.OUT,), Lamp.OUT, Role.CLOCK)
    with pytest.raises(TypeError, match="from one state to two"):
        Table(LAMP.name, LAMP.states, (*LAMP.transitions, twice))


@pytest.mark.parametrize("table", TRANSITION_TABLES, ids=lambda table: table.name.en)
def test_every_state_can_be_reached_or_left_and_has_words(table: Table[Any, Any]) -> None:
    reached = {t.target for t in table.transitions} | {o for t in table.transitions for o in t.origins}
    every_state: type[StrEnum] = type(next(iter(table.states)))
    every_move: type[StrEnum] = type(table.transitions[0].move)
    assert set(table.states) == set(every_state) == reached - {None}
    assert {t.move for t in table.transitions} == set(every_move)


def test_every_role_and_every_need_has_words_in_both_languages() -> None:
    assert set(ROLES) == set(Role)
    assert set(NEEDS) == set(Need)
