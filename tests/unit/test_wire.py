"""What the relay puts on the wire is what NATS's own library would."""

from __future__ import annotations

import asyncio

import pytest
from nats.aio.client import Client
from nats.errors import ConnectionClosedError, MaxPayloadError

from libs.chassis.messaging import nats_wire

SUBJECT = "wangge.370784004.incident.registered.v1"
HEADERS = {"ce-id": "0199", "ce-subject": "路灯", "traceparent": "00-1-2-01"}
BODY = "路灯不亮".encode()


class Sender(Client):
    """Writes down what it would send."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self._status, self._max_payload = Client.CONNECTED, 100

    async def _send_command(self, cmd: bytes, priority: bool = False) -> None:
        self.sent.append(cmd)


def by_the_library(headers: dict[str, str]) -> bytes:
    sender = Sender()
    asyncio.run(sender.publish(SUBJECT, BODY, headers=headers))
    return sender.sent[0].replace(b"  ", b" ")  # an empty reply subject


def test_a_message_is_what_the_library_would_send() -> None:
    assert nats_wire.hpub(SUBJECT, HEADERS, BODY) == by_the_library(HEADERS)


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb: c", "a\rb: c"])
def test_a_line_break_in_a_value_begins_no_header(value: str) -> None:
    sent = nats_wire.hpub(SUBJECT, {"traceparent": value, "ce-id": "1"}, BODY)
    head = sent.partition(b"\r\n\r\n")[0]
    assert head.count(b"\n") == head.count(b"\r") == 3
    assert b"b: c" in head


def test_several_messages_leave_as_one_piece_in_their_order() -> None:
    sender = Sender()
    messages = [(SUBJECT, {"ce-id": str(n)}, BODY) for n in range(3)]
    asyncio.run(nats_wire.publish(sender, messages))
    assert sender.sent == [b"".join(nats_wire.hpub(*m) for m in messages)]


def test_nothing_is_buffered_without_a_connection() -> None:
    sender = Sender()
    sender._status = Client.RECONNECTING
    with pytest.raises(ConnectionClosedError):
        asyncio.run(nats_wire.publish(sender, [(SUBJECT, HEADERS, BODY)]))
    assert sender.sent == []


def test_a_message_that_the_server_would_not_take_is_not_sent() -> None:
    sender = Sender()
    with pytest.raises(MaxPayloadError):
        asyncio.run(nats_wire.publish(sender, [(SUBJECT, HEADERS, b"x" * 101)]))
    assert sender.sent == []
