"""Streets in whose way somebody's lock is: what is due for them is tried in haste, so that other streets go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from sqlalchemy import text

from libs.chassis.db.database import Database
from libs.chassis.telemetry.failures import Failures

HELD_SECONDS = 10.0
"""So long after a street was last held up its work is tried without waiting for the lock."""
HASTE = text("SET LOCAL lock_timeout = '100ms'")


class OfStreet(Protocol):
    """A message or a command, as it waits to be handled."""

    @property
    def street(self) -> str: ...


T = TypeVar("T", bound=OfStreet)


def by_street(items: Iterable[T]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for item in items:
        found.setdefault(item.street, []).append(item)
    return dict(sorted(found.items()))


async def hurry(db: Database) -> None:
    """Wait for no lock in this transaction."""
    await db.execute(HASTE)


class HeldUp:
    """The streets for whom one kind of work is held up, in this process."""

    def __init__(self, work: str, failures: Failures) -> None:
        self._work = work
        self._failures = failures
        self._until: dict[str, float] = {}

    def add(self, street: str, reason: str) -> None:
        """It is no longer told once the time is over, whether or not there is more work of the street by then."""
        self._until[street] = time.monotonic() + HELD_SECONDS
        asyncio.get_running_loop().call_later(HELD_SECONDS, self.streets)
        self._failures.failed(self._named(street), reason)

    def seconds(self, street: str) -> float:
        """How long the street has been held up."""
        return self._failures.seconds(self._named(street))

    def streets(self) -> set[str]:
        """Those that were held up a moment ago."""
        now = time.monotonic()
        for street in [street for street, until in self._until.items() if until <= now]:
            del self._until[street]
            self._failures.succeeded(self._named(street))
        return set(self._until)

    def parts(self, items: Sequence[T]) -> list[tuple[list[T], bool]]:
        """What to handle in one transaction, and whether in haste: all together, but those of streets that were held up
        a moment ago, each street by itself."""
        held = self.streets()
        together = [item for item in items if item.street not in held]
        alone = by_street(item for item in items if item.street in held)
        return [(together, False), *((part, True) for part in alone.values())]

    def _named(self, street: str) -> str:
        return f"{self._work} of {street or 'no street in particular'}"
