"""The services, by the names that subjects, streams, databases and settings begin with."""

from __future__ import annotations

from enum import StrEnum

SERVICES = ("incident", "dispatch", "scoring", "notify")


class Service(StrEnum):
    INCIDENT = "incident"
    DISPATCH = "dispatch"
    SCORING = "scoring"
    NOTIFY = "notify"
