"""A lock in one street's way holds up the commands of that street alone, so each has to say of which it is."""

from __future__ import annotations

import dataclasses
from typing import Any

from libs.contracts.services import SERVICES
from services.incident.appointments.domain import ChangeOwnAppointment
from services.incident.feedback.domain import EvaluateCase
from services.incident.following.domain import UnfollowCase
from services.incident.questions.domain import AnswerQuestion
from services.incident.withdrawing.domain import WithdrawCase
from wangge.wiring import router_of

OF_REPORTERS = {AnswerQuestion, ChangeOwnAppointment, EvaluateCase, UnfollowCase, WithdrawCase}
"""Who knows but a tracking code need not say the street."""


def test_every_command_says_of_which_street_it_is() -> None:
    commands = [each for service in SERVICES for each in router_of(service).commands]
    silent = {each for each in commands if not says_its_street(each)}
    assert silent == OF_REPORTERS


def says_its_street(command: type[Any]) -> bool:
    named = {field.name for field in dataclasses.fields(command)} if dataclasses.is_dataclass(command) else set()
    return "tenant" in named | getattr(command, "model_fields", {}).keys() or hasattr(command, "tenant")
