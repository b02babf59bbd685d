"""CloudEvents 1.0 in binary mode over NATS headers: attributes as `ce-*` headers, the message as JSON body.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/nats-protocol-binding.md
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from uuid import UUID

from pydantic import ValidationError

from libs.contracts.message import UNSTAMPED, Message, known
from libs.validation import sentence_of

CONTENT_TYPE = "application/json"
TRACEPARENT = "traceparent"
"""W3C Trace Context; it travels under its own name, so that every tracing library finds it."""


class NotAMessage(Exception):
    """The bytes are no message of these contracts; the text says what is wrong, and what would be right."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message as NATS carries it: subject, headers and body."""

    subject: str
    headers: dict[str, str]
    body: bytes

    def content_id(self) -> UUID:
        """A hash of subject, headers and body, without the headers that NATS adds: the same for every copy."""
        own = sorted((name, value) for name, value in self.headers.items() if not name.startswith("Nats-"))
        content = json.dumps([self.subject, own]).encode() + self.body
        return UUID(bytes=blake2b(content, digest_size=16).digest())


def encode(message: Message, traceparent: str | None = None) -> Envelope:
    """Raises ValueError for a message without an id: consumers need it to drop copies."""
    if message.id == UNSTAMPED:
        raise ValueError(f"{type(message).__name__} has no id yet")
    headers = {
        "ce-specversion": "1.0",
        "ce-id": str(message.id),
        "ce-type": message.type_name(),
        "ce-source": f"/{message.service}/{message.tenant}",
        "ce-subject": message.aggregate_id,
        "ce-time": message.occurred_at.isoformat(),
        "ce-correlationid": str(message.correlation_id),
        "content-type": CONTENT_TYPE,
    }
    if traceparent:
        headers[TRACEPARENT] = traceparent
    return Envelope(message.subject, headers, message.model_dump_json().encode())


def message_id(headers: Mapping[str, str]) -> UUID:
    """The id by which copies are dropped.

    Raises NotAMessage without a `ce-id` header or when it is not a UUID.
    """
    text = headers.get("ce-id")
    if text is None:
        raise NotAMessage("no ce-id header: every message needs one (CloudEvents binary mode)")
    try:
        return UUID(text)
    except ValueError:
        raise NotAMessage(f"ce-id is {text[:64]!r}, which is no UUID") from None


def what_is_wrong(error: ValidationError, most: int = 5) -> str:
    """The fields that are wrong, so many at most, without their values, which may be personal."""
    errors = error.errors(include_input=False, include_url=False)
    named = [f"{'.'.join(map(str, e['loc'])) or 'body'}: {sentence_of(e)}" for e in errors[:most]]
    return "; ".join([*named, f"and {len(errors) - most} more"] if len(errors) > most else named)


def decode(subject: str, headers: Mapping[str, str], body: bytes) -> Message:
    """The message that the headers announce.

    Raises NotAMessage for an unknown type or version, for a body that is no JSON or has wrong fields, and when
    id or subject differ between body and headers.
    """
    type_name = headers.get("ce-type", "")
    cls = known(type_name)
    if cls is None:
        raise NotAMessage(f"the type {type_name[:100]!r} is unknown here: is it newer than this service?")
    try:
        message = cls.model_validate_json(body)
    except ValidationError as error:
        raise NotAMessage(f"{type_name}: {what_is_wrong(error)}") from None
    if str(message.id) != headers.get("ce-id"):
        raise NotAMessage(f"{type_name}: the body's id is not the ce-id header")
    if message.subject != subject:
        raise NotAMessage(f"{type_name}: the body belongs on {message.subject}, it came on {subject[:100]!r}")
    return message
