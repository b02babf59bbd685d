"""`wangge`, the operator's command: in this process, and how to begin it as one of its own."""

from __future__ import annotations

import sys

from typer.testing import CliRunner, Result

from wangge.main import app


def wangge(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200", **environment})


WANGGE = (sys.executable, "-m", "wangge")
