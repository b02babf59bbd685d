"""What `wangge` says of itself: on a terminal of 80 columns, and its version."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import cast

import typer
from typer.core import TyperGroup

from tests.support.cli import commands, wangge
from wangge.main import app


def test_help_fits_80_columns_and_breaks_no_word() -> None:
    for command in commands(cast(TyperGroup, typer.main.get_command(app))):
        told = wangge(*command, "--help", COLUMNS="80").output
        assert max(map(len, told.splitlines())) <= 80, told
    assert "incident|dispatch|scoring|notify" in wangge("serve", "--help", COLUMNS="80").output


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert wangge("--version").output == f"wangge {project['version']}\n"
