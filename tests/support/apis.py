"""The HTTP routes of a service, as it is run with them, without running it."""

from __future__ import annotations

import importlib
from typing import Any


def routes_of(service: str) -> list[Any]:
    routes: list[Any] = importlib.import_module(f"services.{service}.api").routes
    return routes
