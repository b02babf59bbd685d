"""What a planted bug is, and how one is put into a running service and taken out again."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

GUILTY, DISK_FULL = "23514", "53100"
"""SQL states: a row that the database will not have, and an outage."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The service's database refuses, at the commit, rows of a table that meet a condition.

    From before the first report until `seconds` after the first refusal.
    """

    table: str
    condition: str
    sql_state: str = GUILTY
    seconds: float = 0.3


Trouble = Refuse | None


class Patches:
    """Replaces parts of a running program. `make` gets what was there, and gives what shall be there instead."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def set(self, owner: object, name: str, make: Callable[[Any], Any]) -> None:
        was = vars(owner)[name]
        setattr(owner, name, make(was))
        self._undo.append(lambda: setattr(owner, name, was))

    def item(self, owner: MutableMapping[Any, Any], key: object, make: Callable[[Any], Any]) -> None:
        was = owner[key]
        owner[key] = make(was)
        self._undo.append(lambda: owner.update({key: was}))

    def take_out(self) -> None:
        while self._undo:
            self._undo.pop()()


@dataclass(frozen=True, slots=True)
class Bug:
    """`found_by` are statements of the invariants, or their beginnings, that must be found untrue. `together`: it shows
    only where cases are merged, proposals raised, or orders handled by several."""

    name: str
    service: str
    sentence: str
    plant: Callable[[Patches], None]
    found_by: tuple[str, ...]
    trouble: Trouble
    together: bool


BUGS: dict[str, Bug] = {}


def bug(
    service: str, sentence: str, *found_by: str, trouble: Trouble = None, together: bool = False
) -> Callable[[Callable[[Patches], None]], Callable[[Patches], None]]:
    """The function patches the running service; its name is the bug's."""

    def register(plant: Callable[[Patches], None]) -> Callable[[Patches], None]:
        BUGS[plant.__name__] = Bug(plant.__name__, service, sentence, plant, found_by, trouble, together)
        return plant

    return register
