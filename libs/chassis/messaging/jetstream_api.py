"""JetStream's API as it is: JSON in, JSON out.

https://docs.nats.io/reference/reference-protocols/nats_api_reference

nats-py reads a configuration into classes that lack what it does not know. Written back, that would undo what an
operator has set.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from nats.aio.client import Client
from nats.errors import NoRespondersError

Json = dict[str, Any]

ANSWER_SECONDS = 3.0
STREAM_NOT_FOUND, CONSUMER_NOT_FOUND, NO_MESSAGE = 10059, 10014, 10037


class ApiError(Exception):
    """JetStream refused a request, or did not answer it; the text says which and why."""


class NotThere(ApiError):
    """The stream, the consumer or the message does not exist."""


async def ask(client: Client, request: str, body: Json | None = None) -> Json:
    """The answer to `request`, such as STREAM.INFO.INCIDENT. Raises ApiError."""
    try:
        reply = await client.request(
            f"$JS.API.{request}", json.dumps(body).encode() if body else b"", timeout=ANSWER_SECONDS
        )
    except NoRespondersError as error:
        raise ApiError(f"{request}: JetStream is not there") from error
    except TimeoutError as error:
        raise ApiError(f"{request}: no answer; it may be that this user has no right to ask for it") from error
    answer: Json = json.loads(reply.data)
    if refusal := answer.get("error"):
        there = refusal.get("err_code") not in (STREAM_NOT_FOUND, CONSUMER_NOT_FOUND, NO_MESSAGE)
        raise (ApiError if there else NotThere)(f"{request}: {refusal.get('description')}")
    return answer


async def stream_info(client: Client, stream: str) -> Json:
    return await ask(client, f"STREAM.INFO.{stream}")


async def consumer_info(client: Client, stream: str, consumer: str) -> Json:
    return await ask(client, f"CONSUMER.INFO.{stream}.{consumer}")


async def consumers_of(client: Client, stream: str) -> list[Json]:
    """The info of every consumer of the stream."""
    found: list[Json] = []
    while True:
        page = await ask(client, f"CONSUMER.LIST.{stream}", {"offset": len(found)})
        found += page["consumers"] or []
        if len(found) >= page["total"] or not page["consumers"]:
            return found


def moment(said: str) -> datetime:
    """A time as JetStream writes it, with up to nine decimals, to the microsecond."""
    head, _, rest = said.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{head}.{rest[:6]:0<6}+00:00")
