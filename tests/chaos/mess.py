"""What a bus carries beside facts that come once and in order: copies, late and shuffled ones, and poison."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from random import Random
from uuid import uuid4

import nats.errors
from nats.aio.client import Client as NatsClient
from nats.js.errors import Error as JetStreamError

from libs.contracts import cloudevents
from libs.contracts.cloudevents import Envelope
from libs.contracts.message import Event, Message
from tests.chaos.journal import Journal

COPIES = 0.30
POISON = 0.01
TURN_SECONDS = 0.5
LATE = 0.6
"""Share of the copies that come much later, in no order."""
STILL_TO_COME = 400
"""So many late copies are held back, so that they are about states long past."""


class Mess:
    """Hears every fact, and puts the mess that goes with it on the bus, as other publishers would."""

    def __init__(
        self, bus: NatsClient, seed: int, journal: Journal, *, copies: float = COPIES, poison: float = POISON
    ) -> None:
        """`copies` and `poison` are shares of the facts."""
        self._bus, self._rng, self._journal = bus, Random(seed), journal
        self._copies_share, self._poison_share = copies, poison
        self._soon: list[Envelope] = []
        self._late: list[Envelope] = []
        self._poison: list[Envelope] = []
        self._stopped = False

    def add(self, fact: Message) -> None:
        if self._rng.random() < self._copies_share:
            waiting = self._late if self._rng.random() < LATE else self._soon
            waiting.append(cloudevents.encode(fact))
        if isinstance(fact, Event) and self._rng.random() < self._poison_share:
            self._poison.append(poison(fact, self._rng.choice(list(SORTS)), self._rng))

    async def run(self) -> None:
        """Until `stop`. To cancel it is not enough: now and then nats-py swallows that, and it would go on."""
        while not self._stopped:
            await asyncio.sleep(TURN_SECONDS)
            await self._turn(STILL_TO_COME)

    async def finish(self) -> None:
        """What is held back comes now."""
        await self._turn(0)

    def stop(self) -> None:
        self._stopped = True

    async def _turn(self, still_to_come: int) -> None:
        self._rng.shuffle(self._late)
        copies = [*self._soon, *self._late[still_to_come:]]
        self._soon.clear()
        del self._late[still_to_come:]
        for copy in copies:
            await self._publish("copy", copy, self._message_id(copy))
        while self._poison:
            await self._publish("poison", self._poison.pop(), None)

    def _message_id(self, copy: Envelope) -> str | None:
        """The id by which JetStream drops copies inside its window: the same, another, or none, as after the window."""
        return self._rng.choice([copy.headers["ce-id"], uuid4().hex, None])

    async def _publish(self, kind: str, message: Envelope, message_id: str | None) -> None:
        headers = {**message.headers, **({"Nats-Msg-Id": message_id} if message_id else {})}
        what = {"subject": message.subject, "ce_id": headers.get("ce-id"), "body_sha256": hash_of(message.body)}
        self._journal.attempt(kind, what)
        # Whether it arrived is not this journal's affair: the checks look into the stream.
        with suppress(nats.errors.Error, JetStreamError, OSError, TimeoutError):
            await self._bus.request(message.subject, message.body, timeout=2, headers=headers or None)


def hash_of(body: bytes) -> str:
    return sha256(body).hexdigest()


def poison(fact: Event, sort: str, rng: Random) -> Envelope:
    """Something on the subject of the fact that no service can handle, of the sort that is named."""
    genuine = cloudevents.encode(fact.model_copy(update={"id": uuid4()}))
    return SORTS[sort](genuine, rng)


def _with_body(genuine: Envelope, body: bytes) -> Envelope:
    return Envelope(genuine.subject, genuine.headers, body)


def _with_fields(genuine: Envelope, **fields: object) -> Envelope:
    return _with_body(genuine, json.dumps({**json.loads(genuine.body), **fields}).encode())


def _with_headers(genuine: Envelope, **headers: str) -> Envelope:
    return Envelope(genuine.subject, {**genuine.headers, **headers}, genuine.body)


SORTS: dict[str, Callable[[Envelope, Random], Envelope]] = {
    "not JSON": lambda genuine, rng: _with_body(genuine, genuine.body[: rng.randrange(len(genuine.body))]),
    "not text": lambda genuine, rng: _with_body(genuine, rng.randbytes(64)),
    "wrong types": lambda genuine, rng: _with_fields(genuine, occurred_at="yesterday", tenant=370784004),
    "wrong tenant": lambda genuine, rng: _with_fields(genuine, tenant="999999999"),
    "another id": lambda genuine, rng: _with_fields(genuine, id=str(uuid4())),
    "unknown type": lambda genuine, rng: _with_headers(genuine, **{"ce-type": "wangge.incident.vanished.v1"}),
    "type of another": lambda genuine, rng: _with_headers(genuine, **{"ce-type": "wangge.notify.failed.v1"}),
    "id that is none": lambda genuine, rng: _with_headers(genuine, **{"ce-id": "42"}),
    "no headers": lambda genuine, rng: Envelope(genuine.subject, {}, genuine.body),
    "oversized": lambda genuine, rng: _with_fields(genuine, occurred_at="x" * 400_000),
}
