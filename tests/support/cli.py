"""`wangge`, the operator's command: in this process, and how to begin it as one of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import typer
from typer.core import TyperGroup
from typer.testing import CliRunner, Result

from wangge.main import app


def wangge(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200", **environment})


WANGGE = (sys.executable, "-m", "wangge")


def commands(group: TyperGroup, *path: str) -> Iterator[tuple[str, ...]]:
    """Every command of `wangge`, as it is typed."""
    context = typer.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, TyperGroup):
            yield from commands(found, *path, name)
        else:
            yield *path, name
