"""The outbox: facts are inserted in the transaction that decided them; the relay publishes them after the commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zlib import crc32

from libs.chassis.db.database import Database
from libs.chassis.db.ids import new_id
from libs.chassis.db.tables import Outbox
from libs.contracts import cloudevents
from libs.contracts.message import Event, Message

PARTITIONS = 16


@dataclass(frozen=True, slots=True)
class Cause:
    """The correlation id and trace that a fact takes over from the message that it follows from."""

    correlation_id: UUID | None = None
    traceparent: str | None = None


NO_CAUSE = Cause()


class Causes:
    """Finds the message of a batch that a fact follows from: by the fact's `cause_id`, or else by its case."""

    def __init__(self, messages: Iterable[Message], traceparent: Callable[[UUID], str | None]) -> None:
        self._traceparent = traceparent
        self._of: dict[UUID, Message] = {}
        for message in messages:
            self._of[message.id] = message
            case_id = getattr(message, "case_id", None)
            if case_id is not None:
                self._of[case_id] = message

    def of(self, event: Event) -> Cause:
        for key in (getattr(event, "cause_id", None), getattr(event, "case_id", None)):
            message = self._of.get(key) if key is not None else None
            if message is not None:
                return Cause(message.correlation_id, self._traceparent(message.id))
        return NO_CAUSE


async def record(db: Database, facts: Iterable[tuple[Event, Cause]]) -> None:
    """Write the facts to the outbox, in this order."""
    await db.insert(Outbox, [_row(event, cause) for event, cause in facts])


def _row(event: Event, cause: Cause) -> dict[str, Any]:
    identity = new_id()
    correlation = cause.correlation_id or getattr(event, "case_id", None) or identity
    envelope = cloudevents.encode(event.stamped(identity, correlation), cause.traceparent)
    return {
        "partition": crc32(event.aggregate_id.encode()) % PARTITIONS,
        "message_id": identity,
        "subject": envelope.subject,
        "headers": envelope.headers,
        "body": envelope.body,
    }
