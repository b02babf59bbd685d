"""The JetStream streams: one for each service that produces facts, holding exactly the facts it declares."""

from __future__ import annotations

from libs.contracts.message import Event, Message, all_messages

MAX_AGE_DAYS = 7
DUPLICATE_WINDOW_SECONDS = 120


def stream_name(service: str) -> str:
    return service.upper()


def facts_of(service: str) -> list[type[Message]]:
    """Facts only: if a stream also stored commands, its acknowledgement would arrive as the answer to the request."""
    return [cls for cls in all_messages() if issubclass(cls, Event) and cls.service == service]


def stream_subjects(service: str) -> list[str]:
    """One subject per fact for all its versions, so that a new version needs no change of the stream."""
    return sorted({f"wangge.*.{service}.{cls.message_name}.>" for cls in facts_of(service)})
