"""`python -m wangge` is `wangge`."""

from __future__ import annotations

from wangge.main import app

app()
