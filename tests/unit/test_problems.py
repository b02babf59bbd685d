"""What people read where something is refused: a title in both languages, and no pattern."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.openapi.utils import get_openapi

from libs.contracts.problem import TITLES
from libs.contracts.services import SERVICES
from libs.validation import FORMS
from tests.support.apis import routes_of

PROJECT = Path(__file__).resolve().parents[2]
TITLE_AT = {"Refusal": 0, "Conflict": 0, "Refused": 1, "problem": 1, "_problem": 1, "_later": 0}
"""Which argument of these is the title of a problem, if it is a text."""


def titles() -> Iterator[tuple[str, str]]:
    for path in (*PROJECT.glob("libs/**/*.py"), *PROJECT.glob("services/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            for given in node.args[TITLE_AT.get(name, 9) :][:1]:
                if isinstance(given, ast.Constant) and isinstance(given.value, str):
                    yield given.value, str(path.relative_to(PROJECT))


def patterns(described: Any) -> Iterator[str]:
    if isinstance(described, list):
        for each in described:
            yield from patterns(each)
    if isinstance(described, dict):
        if isinstance(described.get("pattern"), str):
            yield described["pattern"]
        for each in described.values():
            yield from patterns(each)


def test_every_title_of_a_problem_is_there_in_chinese() -> None:
    found = dict(titles())
    assert len(found) > 30
    assert {title: path for title, path in found.items() if title not in TITLES} == {}


@pytest.mark.parametrize("service", SERVICES)
def test_every_pattern_of_the_api_is_said_in_words(service: str) -> None:
    described = get_openapi(title="", version="", routes=routes_of(service))
    assert sorted(set(patterns(described)) - set(FORMS)) == []
