"""The router in which a service registers its handlers of facts, commands and timers: functions over a batch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar, overload

from pydantic import BaseModel, ConfigDict

from libs.chassis.db.database import Database
from libs.chassis.settings import ServiceSettings
from libs.contracts.message import Command, Event, Message
from libs.sentences import Language, Sentence, none_in_street

T = TypeVar("T")
E = TypeVar("E", bound=Event)
K = TypeVar("K", bound="Timer")


class Batch(Sequence[T], Generic[T]):
    """What is handled in one transaction: one or many of the types that the handler takes, in order, without copies.

    `now` is the domain time at which the batch began, `settings` are those of the process (`Settings.of(batch)`);
    `traceparent` is for later work on an item, such as a delivery, that continues its trace.
    """

    def __init__(
        self,
        items: Sequence[T],
        now: datetime,
        settings: ServiceSettings,
        traceparent: Callable[[T], str | None] = lambda item: None,
    ) -> None:
        self._items = items
        self.now = now
        self.settings = settings
        self.traceparent = traceparent
        self.postponed: dict[int, str] = {}

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        return self._items[index]

    def __iter__(self) -> Iterator[T]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def postpone(self, item: T, reason: str) -> None:
        """Handle the item later, since what it refers to is not here yet; the rest of the batch is handled now.

        The handler must not have written anything for the item.
        """
        self.postponed[id(item)] = reason


class Timer(BaseModel):
    """Something to do at a later time. A timer replaces the one of the same class and key."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    key_field: ClassVar[str]

    tenant: str
    due_at: datetime

    @property
    def key(self) -> str:
        return str(getattr(self, self.key_field))


@dataclass(frozen=True, slots=True)
class Done:
    """A command took effect: the reply to its sender, and the facts that follow."""

    reply: Any
    events: Sequence[Event] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A command did not take effect, for a reason that a person can read. `status` is an HTTP status."""

    status: int
    title: str
    detail: Sentence
    extra: dict[str, Any] = field(default_factory=dict)

    def told(self, language: Language) -> str:
        return self.detail.told(language)


def not_in_street(tenant: str, zh: str, en: str) -> Refused:
    """What a command names, such as an order by its id, is not there."""
    return Refused(404, "Not found", none_in_street(tenant, zh, en))


Answer = Done | Refused

EventHandler = Callable[[Batch[Any], Database], Awaitable[Sequence[Event]]]
CommandHandler = Callable[[Batch[Any], Database], Awaitable[Sequence[Answer]]]
H = TypeVar("H", bound=CommandHandler)


class EventRouter:
    """The handlers of one service, each for exactly one type."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.events: dict[type[Message], EventHandler] = {}
        self.commands: dict[type[Any], CommandHandler] = {}
        self.timers: dict[str, tuple[type[Timer], EventHandler]] = {}

    def on(
        self, event: type[E]
    ) -> Callable[
        [Callable[[Batch[E], Database], Awaitable[Sequence[Event]]]],
        Callable[[Batch[E], Database], Awaitable[Sequence[Event]]],
    ]:
        """Handle a fact: load, decide, record, and return the facts that follow."""

        def register(
            handler: Callable[[Batch[E], Database], Awaitable[Sequence[Event]]],
        ) -> Callable[[Batch[E], Database], Awaitable[Sequence[Event]]]:
            _refuse_second(event in self.events, event.__name__)
            self.events[event] = handler
            return handler

        return register

    def answers(self, *commands: type[Any]) -> Callable[[H], H]:
        """Answer commands, those of several types in one batch: an answer for each, in their order."""

        def register(handler: H) -> H:
            for command in commands:
                _refuse_second(command in self.commands, command.__name__)
                self.commands[command] = handler
            return handler

        return register

    def due(
        self, timer: type[K]
    ) -> Callable[
        [Callable[[Batch[K], Database], Awaitable[Sequence[Event]]]],
        Callable[[Batch[K], Database], Awaitable[Sequence[Event]]],
    ]:
        """Handle timers of a class when they are due, or later; each takes effect once."""

        def register(
            handler: Callable[[Batch[K], Database], Awaitable[Sequence[Event]]],
        ) -> Callable[[Batch[K], Database], Awaitable[Sequence[Event]]]:
            _refuse_second(timer.__name__ in self.timers, timer.__name__)
            self.timers[timer.__name__] = (timer, handler)
            return handler

        return register

    def include(self, other: EventRouter) -> None:
        """Add the handlers of another router of the service."""
        for mine, theirs in ((self.events, other.events), (self.commands, other.commands), (self.timers, other.timers)):
            for key, handler in theirs.items():
                _refuse_second(key in mine, str(key))
                mine[key] = handler  # type: ignore[index, assignment]

    @property
    def bus_commands(self) -> list[type[Command]]:
        """The commands that other systems may send over NATS."""
        return [c for c in self.commands if issubclass(c, Command)]


def _refuse_second(known: bool, name: str) -> None:
    if known:
        raise TypeError(f"{name} has a handler already")
