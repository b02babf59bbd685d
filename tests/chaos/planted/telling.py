"""Bugs of the notify service: who is told, how often, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from libs.chassis.db.database import Database
from libs.chassis.messaging import outbox
from libs.contracts.notify import NotificationDelivered
from services.notify.audience import handlers
from services.notify.channels.domain import Taken
from services.notify.channels.webhook import Webhooks
from services.notify.deliveries import senders
from tests.chaos.planted.bugs import Patches, bug
from tests.chaos.statements.notifications import ARRIVED, CALLS, ENDED_ONCE, EVERYBODY, SAID


@bug("notify", "a provider is called twice for one attempt", CALLS)
def sent_twice(patches: Patches) -> None:
    def make(send: Any) -> Any:
        async def twice(self: Webhooks, *about: Any) -> Any:
            await send(self, *about)
            return await send(self, *about)

        return twice

    patches.set(Webhooks, "send", make)


@bug("notify", "a provider is not called, and the delivery counts as done", ARRIVED)
def never_sent(patches: Patches) -> None:
    async def done(self: Webhooks, *about: Any) -> Taken:
        return Taken()

    patches.set(Webhooks, "send", lambda _: done)


@bug("notify", "the result of an attempt is lost, and the delivery is being sent for ever", "each of")
def sending_for_ever(patches: Patches) -> None:
    async def lose(db: Database, batch: Sequence[Any], now: Any) -> dict[str, int]:
        return {}

    patches.set(senders, "_record", lambda _: lose)


@bug("notify", "of those who should be told only the first is", EVERYBODY)
def first_told_only(patches: Patches) -> None:
    patches.set(handlers, "recipient_ids", lambda told: lambda *about: told(*about)[:1])


@bug("notify", "a notice is about another case", SAID)
def another_case_told(patches: Patches) -> None:
    def make(parameters: Any) -> Any:
        def mistaken(*about: Any) -> dict[str, str]:
            right: dict[str, str] = parameters(*about)
            return {**right, "case_no": "20261123-000000"} if "case_no" in right else right

        return mistaken

    patches.set(handlers, "parameters", make)


@bug("notify", "a delivery ends and nobody is told", ENDED_ONCE)
def ending_untold(patches: Patches) -> None:
    def make(record: Any) -> Any:
        async def some(db: Database, facts: Iterable[Any]) -> None:
            await record(db, [each for each in facts if not isinstance(each[0], NotificationDelivered)])

        return some

    patches.set(outbox, "record", make)
