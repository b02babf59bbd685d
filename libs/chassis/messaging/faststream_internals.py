"""What is used of FastStream that it does not offer: nobody else touches its private attributes.

tests/service/test_library_internals.py shows that each is there and does what is said here.
"""

from __future__ import annotations

from typing import Self

from faststream.nats import NatsBroker
from faststream.nats.subscriber.usecases import BatchPullStreamSubscriber
from nats.aio.client import Client
from nats.js import JetStreamContext


def client_of(broker: NatsBroker) -> Client | None:
    """The connection of a broker, None before it was made. `NatsBroker.connect` would make one and wait for it."""
    return broker._connection


class OwnPullSubscriber(BatchPullStreamSubscriber):
    """A batch subscriber that binds to its consumer and pulls from it by methods of its own.

    FastStream calls `_create_subscription` when a subscriber starts, and has no parameter for either.
    """

    @classmethod
    def take_over(cls, subscriber: object) -> Self:
        """Make a subscriber one of this class: FastStream's factory picks the class, and has no place to name another.

        Raises TypeError when it is not the class that this one extends, whose attributes it was made with.
        """
        if type(subscriber) is not BatchPullStreamSubscriber:
            raise TypeError(f"FastStream makes a {type(subscriber).__name__} of a batch subscriber now")
        subscriber.__class__ = cls
        assert isinstance(subscriber, cls)
        return subscriber

    async def bind(self) -> JetStreamContext.PullSubscription:
        raise NotImplementedError

    async def pull(self) -> None:
        """Runs as a task from the start of the subscriber on."""
        raise NotImplementedError

    async def _create_subscription(self) -> None:
        if self.subscription is None:
            self.subscription = await self.bind()
            self.add_task(self.pull)
