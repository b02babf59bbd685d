"""The base of every message between services: its id, its subject, and the registry of all message classes."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints

from libs.contracts.services import SERVICES
from libs.sentences import Unfit

UNSTAMPED = UUID(int=0)
"""The id of a message that has not been recorded yet: the chassis gives it one in the transaction."""

Tenant = Annotated[str, StringConstraints(pattern=r"^[0-9]{9}$")]
"""A street, by its 9-digit statistical division code."""

GridCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{9,16}$")]
"""A grid unit: street 9 digits, and longer below it."""

CategoryCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{5}$")]
"""Major 2 digits and minor 3 digits."""

MemberId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
OrgId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]

FIRST_MOMENT, AFTER_LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def _of_our_time(moment: datetime) -> datetime:
    """Near its first and last year the calendar ends in one zone and not yet in another."""
    if not FIRST_MOMENT <= moment < AFTER_LAST:
        raise Unfit("应在 2000 年至 2099 年之间", "must be in the years 2000 to 2099")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_of_our_time)]
"""A time with its offset that somebody sends."""


class Value(BaseModel):
    """Part of a message. Unknown fields are ignored, so that a newer producer can add to it."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Message(Value):
    """A message with the subject `wangge.<tenant>.<service>.<name>.v<version>`.

    By its `id` every consumer drops copies; all messages that follow from one report share a `correlation_id`.
    """

    service: ClassVar[str]
    message_name: ClassVar[str]
    message_version: ClassVar[int]
    aggregate: ClassVar[str]

    id: UUID = UNSTAMPED
    correlation_id: UUID = UNSTAMPED
    tenant: Tenant
    occurred_at: Moment

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """`fact=…` and the like are for `__pydantic_init_subclass__`, which runs on the complete class."""
        super().__init_subclass__()

    @property
    def aggregate_id(self) -> str:
        """Messages of one producer with the same aggregate id keep their order."""
        return str(getattr(self, self.aggregate))

    @property
    def concerns(self) -> tuple[str, ...]:
        """Every aggregate that it changes something for: whoever handles several messages keeps the order of each."""
        return (self.aggregate_id,)

    @property
    def subject(self) -> str:
        return f"wangge.{self.tenant}.{self.service}.{self.message_name}.v{self.message_version}"

    @classmethod
    def subject_pattern(cls) -> str:
        """The subject of every tenant's messages of this class."""
        return f"wangge.*.{cls.service}.{cls.message_name}.v{cls.message_version}"

    @classmethod
    def type_name(cls) -> str:
        """The CloudEvents type: the subject without the tenant."""
        return f"wangge.{cls.service}.{cls.message_name}.v{cls.message_version}"

    def stamped(self, id: UUID, correlation_id: UUID) -> Self:
        return self.model_copy(update={"id": id, "correlation_id": correlation_id})


_registry: dict[str, type[Message]] = {}


def _register(cls: type[Message], name: str, version: int, aggregate: str) -> None:
    cls.service = cls.__module__.rpartition(".")[2]
    cls.message_name, cls.message_version, cls.aggregate = name, version, aggregate
    other = _registry.setdefault(cls.type_name(), cls)
    if other.__qualname__ != cls.__qualname__:
        raise TypeError(f"{cls.__qualname__} and {other.__qualname__} are both {cls.type_name()}")


class Event(Message):
    """A fact: past tense, immutable, published by exactly one service."""

    @classmethod
    def __pydantic_init_subclass__(
        cls, *, fact: str = "", version: int = 1, aggregate: str = "case_id", **kwargs: Any
    ) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if fact:
            _register(cls, fact, version, aggregate)


class Command(Message):
    """A request of another system, which is answered; sent again with the same id or key, it gets the same answer."""

    @classmethod
    def __pydantic_init_subclass__(
        cls, *, command: str = "", version: int = 1, aggregate: str = "id", **kwargs: Any
    ) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if command:
            _register(cls, command, version, aggregate)


class CaseEvent(Event):
    """A fact about one case."""

    case_id: UUID


class OrderEvent(CaseEvent):
    """A fact about one order of a case."""

    order_id: UUID


def known(type_name: str) -> type[Message] | None:
    """The class of a CloudEvents type, None when this version of the contracts does not have it."""
    return _registry.get(type_name)


def all_messages() -> Sequence[type[Message]]:
    """Every concrete message, by type name. Importing the contracts of a service registers its messages."""
    for service in SERVICES:
        importlib.import_module(f"libs.contracts.{service}")
    return [_registry[name] for name in sorted(_registry)]
