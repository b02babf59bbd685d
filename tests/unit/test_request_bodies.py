"""What comes with a request: every body is one of ours, so that what is not ours is refused and what is hidden goes."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from pydantic import ValidationError

from libs.chassis.http import Body
from libs.contracts.services import SERVICES
from libs.contracts.values import HIDDEN
from libs.validation import sentence_of


def _bodies() -> Iterator[tuple[str, object]]:
    for service in SERVICES:
        for route in importlib.import_module(f"services.{service}.api").routes:
            if isinstance(route, APIRoute) and route.body_field is not None:
                yield f"{service} {route.path}", route.body_field.field_info.annotation


@pytest.mark.parametrize(("path", "body"), _bodies(), ids=str)
def test_every_body_is_a_body(path: str, body: object) -> None:
    assert isinstance(body, type)
    assert issubclass(body, Body), path


class Named(Body):
    name: str


class Note(Body):
    words: str
    to: list[Named]
    tags: dict[str, list[str]]


def test_what_is_hidden_is_taken_out_of_all_words_however_deep() -> None:
    note = Note.model_validate(
        {"words": "灯\u202e不\x1b亮\r\n\t好", "to": [{"name": "吕\u200b敏"}], "tags": {"a": ["甲\ufeff", "乙\u3164"]}}
    )
    assert note == Note(words="灯不亮\n\t好", to=[Named(name="吕敏")], tags={"a": ["甲", "乙"]})


def test_what_no_database_can_hold_and_what_is_nested_without_end_is_refused_by_its_name() -> None:
    with pytest.raises(ValidationError) as refused:
        Note.model_validate({"words": "灯\0", "to": [{"name": "吕敏"}, {"name": "\0"}], "tags": {}})
    wrong = [(each["loc"], sentence_of(each).en) for each in refused.value.errors()]
    assert wrong == [(loc, "may not hold the character U+0000") for loc in (("words",), ("to", 1, "name"))]
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValidationError) as refused:
        Note.model_validate({"words": deep, "to": [], "tags": {}})
    assert [sentence_of(each).en for each in refused.value.errors()] == ["may be nested 32 levels deep at most"]


@pytest.mark.parametrize(
    "kept", ["👨\u200d👩\u200d👧", "می\u200cخواهم", "❤\ufe0f", "क्\u200dष", "\u3000", "ᠠ\u180eᠠ", "é"]
)
def test_what_scripts_and_emoji_are_joined_with_stays(kept: str) -> None:
    assert HIDDEN.sub("", kept) == kept
