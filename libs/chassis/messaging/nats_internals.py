"""What is used of nats-py that it does not offer: nobody else touches its private attributes.

tests/service/test_library_internals.py shows that each is there and does what is said here.
"""

from __future__ import annotations

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext


async def write(client: Client, commands: bytes) -> None:
    """Put commands of the NATS protocol into the connection's buffer, in one piece.

    `Client.publish` takes one message at a time, and checks and translates each of its headers.
    """
    await client._send_command(commands)


def take_pending(subscription: JetStreamContext.PullSubscription) -> list[Msg]:
    """The messages that have arrived and that no `fetch` has returned.

    `fetch` returns them only together with a new request, which would bring more.
    """
    queue = subscription._sub._pending_queue
    arrived = [queue.get_nowait() for _ in range(queue.qsize())]
    return [message for message in arrived if not JetStreamContext.is_status_msg(message)]
