"""Which service consumes what, as their handlers say."""

from __future__ import annotations

import importlib

from libs.chassis.handlers import EventRouter
from libs.contracts.message import Message
from libs.contracts.services import SERVICES


def router_of(service: str) -> EventRouter:
    router: EventRouter = importlib.import_module(f"services.{service}.handlers").router
    return router


def handled() -> dict[str, list[type[Message]]]:
    """The events that each service consumes."""
    return {service: list(router_of(service).events) for service in SERVICES}
