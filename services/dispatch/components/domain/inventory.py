"""The inventory of a street's components, and what an import of a file changes in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum


class State(StrEnum):
    ACTIVE = "active"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Component:
    """`kind` is a category; the point is of WGS84, in degrees; `unit` is the one of the grid that it stands in."""

    code: str
    kind: str
    name: str | None
    longitude: float
    latitude: float
    unit: str
    org_id: str | None
    state: State = State.ACTIVE


@dataclass(frozen=True, slots=True)
class Change:
    """Components that are new, those that change as they were and as they shall be, and how many stay the same.

    `retired`: those that the file leaves out, as they were. `version` is the one that the inventory has now, or had
    before a preview.
    """

    new: Sequence[Component] = ()
    changed: Sequence[tuple[Component, Component]] = ()
    same: int = 0
    retired: Sequence[Component] = ()
    version: int = 0

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.retired)

    @property
    def moved(self) -> int:
        """How many of those that change stand in another unit than before."""
        return sum(before.unit != after.unit for before, after in self.changed)

    @property
    def replaced(self) -> list[Component]:
        """What is in the inventory already, as it shall be."""
        return [*(after for _, after in self.changed), *(replace(each, state=State.RETIRED) for each in self.retired)]


def compare(
    present: Mapping[str, Component], wanted: Iterable[Component], left_out: Sequence[Component] = (), version: int = 0
) -> Change:
    """`present`: those of the wanted that are there, by code; `left_out`: those that shall be retired."""
    new, changed, same = [], [], 0
    for after in wanted:
        before = present.get(after.code)
        if before is None:
            new.append(after)
        elif before != after:
            changed.append((before, after))
        else:
            same += 1
    return Change(new, changed, same, left_out, version)


def relocated(present: Sequence[Component], units: Sequence[str | None], version: int) -> Change:
    """By a new map of the street: `units` is where each now stands; what is on no map any more stays where it was."""
    pairs = zip(present, units, strict=True)
    changed = [(each, replace(each, unit=unit)) for each, unit in pairs if unit is not None and unit != each.unit]
    return Change(changed=changed, same=len(present) - len(changed), version=version)
