"""Many messages in one write, as bytes of the NATS protocol.

https://docs.nats.io/reference/reference-protocols/nats-protocol

nats-py writes one message at a time and checks every header of it; the relay's headers are made by us.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nats.aio.client import Client
from nats.errors import ConnectionClosedError, MaxPayloadError

from libs.chassis.messaging import nats_internals

_LINE_BREAKS = str.maketrans("\r\n", "  ")

Outgoing = tuple[str, Mapping[str, str], bytes]
"""(subject, headers, body)"""


def hpub(subject: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """One HPUB command. A line break in a value becomes a space, since it would begin another header."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if lines.count("\r") + lines.count("\n") > 2 * len(headers):
        return hpub(subject, {name: value.translate(_LINE_BREAKS) for name, value in headers.items()}, body)
    head = f"NATS/1.0\r\n{lines}\r\n".encode()
    return b"HPUB %b %d %d\r\n%b%b\r\n" % (subject.encode(), len(head), len(head) + len(body), head, body)


async def publish(client: Client, messages: Iterable[Outgoing]) -> None:
    """Write the messages to the connection's buffer, in this order; the next request flushes it at the latest.

    Raises ConnectionClosedError without a connection: nothing is buffered until the next one.
    Raises MaxPayloadError for a body that the server does not take.
    """
    if not client.is_connected:
        raise ConnectionClosedError
    commands = []
    for subject, headers, body in messages:
        if len(body) > client.max_payload:
            raise MaxPayloadError
        commands.append(hpub(subject, headers, body))
    await nats_internals.write(client, b"".join(commands))
