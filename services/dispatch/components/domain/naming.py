"""A component that a report names by its code, as the inventory had it when the order was made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from libs.contracts.reasons import Explanation, Reason, Why
from libs.contracts.values import Place, Point
from services.dispatch.components.domain.inventory import Component, State
from services.dispatch.street.domain.street import Street


@dataclass(frozen=True, slots=True)
class Named:
    """Of a code that was not in the inventory nothing else is known. `places`: nothing else says where it is."""

    code: str
    kind: str | None = None
    kind_name: str | None = None
    name: str | None = None
    org_id: str | None = None
    org_name: str | None = None
    state: State | None = None
    places: bool = False

    @classmethod
    def of(cls, code: str, found: Component | None, place: Place, street: Street) -> Self:
        places = place == Place(name=code)
        if found is None:
            return cls(code, places=places)
        listed = street.responsibilities.get(found.kind)
        org_name = street.org_names.get(found.org_id, found.org_id) if found.org_id else None
        kind_name = listed[0].name_zh if listed else None
        return cls(code, found.kind, kind_name, found.name, found.org_id, org_name, found.state, places)

    @property
    def words(self) -> str:
        """Its name and kind, as far as they are known, beside the code."""
        known = [word for word in (self.name, self.kind_name or self.kind) if word]
        return f"{self.code} ({', '.join(known)})" if known else self.code

    def explained(self) -> Explanation:
        """What an order says of it."""
        if self.kind is None:
            return (Reason(Why.COMPONENT_UNKNOWN, {"code": self.code}),)
        said = [Reason(Why.COMPONENT_NAMED, {"component": self.words})]
        if self.state is State.RETIRED:
            said.append(Reason(Why.COMPONENT_RETIRED))
        if self.places:
            said.append(Reason(Why.COMPONENT_PLACES))
        if self.org_name:
            said.append(Reason(Why.COMPONENT_KEEPER, {"org": self.org_name}))
        return tuple(said)


def place_of(named: Named, found: Component | None, place: Place) -> Place:
    """Where the report is: its own place, else the component's, else the code, which is all that is known."""
    if not named.places or found is None:
        return place
    return Place(point=Point(longitude=found.longitude, latitude=found.latitude), name=found.name or found.code)
