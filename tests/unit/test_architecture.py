"""Pages tell the structure as it is: ARCHITECTURE.md draws every room, and the files that a page names are there."""

from __future__ import annotations

import importlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from libs.contracts.services import SERVICES

PROJECT = Path(__file__).resolve().parents[2]
PAGES = sorted(path.relative_to(PROJECT).as_posix() for path in [*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")])
CONTRACTS = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
NAMED = re.compile(r"(?<![\w./*<-])(?:[\w-]+/)+[\w-]+\.(?:py|md|toml|csv|yaml)\b")


def rooms_of(service: str) -> list[str]:
    folders = (path for path in (PROJECT / "services" / service).iterdir() if path.is_dir())
    return sorted(folder.name for folder in folders if folder.name not in ("migrations", "__pycache__"))


def picture_of(service: str) -> str:
    """Rooms from top to bottom, as the import contract has them, each with its docstring; a bar between layers."""
    contract = next(c for c in CONTRACTS if c["name"] == f"{service}: rooms from top to bottom")
    rooms = set(rooms_of(service))
    layers = [[name for name in layer.split(" | ") if name in rooms] for layer in contract["layers"]]
    drawn = ["\n".join(line_of(service, room) for room in layer) for layer in layers if layer]
    return f"services/{service}/\n" + "\n  │\n".join(drawn) + "\n"


def line_of(service: str, room: str) -> str:
    said = importlib.import_module(f"services.{service}.{room}").__doc__
    assert said, f"services/{service}/{room}/__init__.py needs a docstring: what the room decides and owns, in a line"
    return f"  {room:<19}{said}"


@pytest.mark.parametrize("service", SERVICES)
def test_the_picture_of_the_rooms_is_that_of_the_folders(service: str) -> None:
    drawn = picture_of(service)
    assert re.findall(r"^  (\w+) ", drawn, re.MULTILINE)
    assert sorted(re.findall(r"^  (\w+) ", drawn, re.MULTILINE)) == rooms_of(service)
    assert drawn in (PROJECT / "ARCHITECTURE.md").read_text(encoding="utf-8"), f"it should read:\n{drawn}"


@pytest.mark.parametrize("page", PAGES)
def test_the_files_that_a_page_names_are_there(page: str) -> None:
    """From the project, from the page's own folder, or from a service."""
    roots = [PROJECT, (PROJECT / page).parent, *(PROJECT / "services" / service for service in SERVICES)]
    named = set(NAMED.findall((PROJECT / page).read_text(encoding="utf-8")))
    assert {name for name in named if not any((root / name).exists() for root in roots)} == set()


WITH_NAMES = re.compile(r"`([\w/]+\.py)` \(([^)]*)\)")
"""A file, and in brackets what in it."""


def told_to_touch() -> Iterator[tuple[str, str]]:
    """Every file of the table in CONTRIBUTING.md with each name that stands in brackets after it."""
    for line in (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines():
        if not line.startswith("| ") or "`services/" not in line:
            continue
        for file, said in WITH_NAMES.findall(line):
            roots = ["", *(f"{root}/" for root in re.findall(r"`(services/\w+)`", line))]
            path = next(root + file for root in roots if (PROJECT / root / file).exists())
            for name in re.findall(r"`(\w+)`", said):
                yield path, name


@pytest.mark.parametrize(("file", "name"), sorted(set(told_to_touch())))
def test_what_contributors_are_told_to_touch_is_in_its_file(file: str, name: str) -> None:
    assert hasattr(importlib.import_module(file.removesuffix(".py").replace("/", ".")), name)
