"""Whoever reads the pages finds everything: each page from the README, and in them every command and every filter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import typer
from fastapi.openapi.utils import get_openapi
from typer.core import TyperGroup

from libs.contracts.services import SERVICES
from libs.transitions import BY_ITSELF, Table
from tests.support.apis import routes_of
from tests.support.cli import commands
from wangge.documents import TRANSITION_TABLES
from wangge.main import app

PROJECT = Path(__file__).resolve().parents[2]
PAGES = [*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
CLICKS = 2
PAGING = {"tenant", "after", "limit"}
"""What every list has."""


def linked(page: Path) -> Iterator[Path]:
    """The pages that a page links to; a folder shows what is in it."""
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        path = (page.parent / target).resolve()
        if path.is_dir():
            yield from path.glob("*.md")
        elif path.suffix == ".md" and "://" not in target:
            yield path


def api(service: str) -> dict[str, Any]:
    return get_openapi(title="", version="", routes=routes_of(service))


def lists() -> Iterator[tuple[str, str]]:
    """Every look-up of the APIs with what it can be asked for, as path and parameter."""
    for service in SERVICES:
        for path, operations in api(service)["paths"].items():
            for parameter in operations.get("get", {}).get("parameters", ()):
                if parameter["in"] == "query" and parameter["name"] not in PAGING:
                    yield path, parameter["name"]


def test_every_page_is_two_clicks_from_the_readme_at_most() -> None:
    reached = found = {PROJECT / "README.md"}
    for _ in range(CLICKS):
        found = {target for page in found for target in linked(page)}
        reached = reached | found
    pages = {page.resolve() for page in PROJECT.glob("docs/**/*.md")}
    assert sorted(str(page.relative_to(PROJECT)) for page in pages - reached) == []


@pytest.mark.parametrize(
    "command", [" ".join(each) for each in commands(cast(TyperGroup, typer.main.get_command(app)))]
)
def test_every_command_is_told_on_a_page(command: str) -> None:
    pages = (page.read_text(encoding="utf-8") for page in PROJECT.glob("docs/*.md"))
    assert any(re.search(rf"\bwangge {command}\b", page) for page in pages)


@pytest.mark.parametrize(("path", "parameter"), sorted(set(lists())))
def test_every_filter_is_told_on_a_page_that_names_its_list(path: str, parameter: str) -> None:
    plain = re.sub(r"(\.csv|\.xlsx|\.geojson)$", "", path)
    template = re.escape(plain).replace(r"\{", "{").replace(r"\}", "}")
    named = re.compile(re.sub(r"{[^}]*}", r"[^/\\s`?]+", template))
    pages = (page.read_text(encoding="utf-8") for page in PAGES)
    # As code, in an address, or at the beginning of a table's row.
    told = re.compile(rf"`[^`\n]*\b{parameter}\b[^`\n]*`|[?&]{parameter}=|^\|[^|]*\b{parameter}\b", re.MULTILINE)
    assert any(named.search(page) and told.search(page) for page in pages)


def requests() -> Iterator[tuple[str, set[str]]]:
    """How the path of every POST of the APIs ends, a choice in it written out, and the fields of its body."""
    for service in SERVICES:
        described = api(service)
        for path, operations in described["paths"].items():
            if (post := operations.get("post")) is None:
                continue
            body = post.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            shape = described["components"]["schemas"].get(body.get("$ref", "").rpartition("/")[2], {})
            choices = {p["name"]: p["schema"]["enum"] for p in post.get("parameters", ()) if "enum" in p["schema"]}
            last = path.rpartition("/")[2]
            for end in choices.get(last.strip("{}"), [last]):
                yield end, set(shape.get("properties", ()))


@pytest.mark.parametrize("table", TRANSITION_TABLES, ids=lambda table: table.name.en)
def test_the_request_of_every_move_is_there_and_has_the_field_that_tells_it_apart(table: Table[Any, Any]) -> None:
    there = list(requests())
    for each in table.transitions:
        if each.who in BY_ITSELF:
            continue
        told_apart = {each.sends[0]} if each.sends else set()
        assert any(end == each.shown()["path"] and told_apart <= fields for end, fields in there), each
