"""The services, by the names that subjects, streams, databases and settings begin with."""

from __future__ import annotations

from enum import StrEnum


class Service(StrEnum):
    INCIDENT = "incident"
    DISPATCH = "dispatch"
    SCORING = "scoring"
    NOTIFY = "notify"


SERVICES = tuple(service.value for service in Service)
