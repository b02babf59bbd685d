"""What a roster says about routing beside the responsibility list: places with names, and rules."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from libs.contracts.message import GridCode
from libs.contracts.values import OrgKind, RequestKind
from services.dispatch.grid.domain.borders import Borders
from services.dispatch.grid.domain.gazetteer import NamedPlace
from services.dispatch.roster.domain.cell_types import IfAny, Name, Names, Problem
from services.dispatch.street.domain.rules import Rule

Row = dict[str, Any]


class PlaceCells(BaseModel):
    """A place of the street's gazetteer, in a unit or at a point."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    place_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")] = Field(examples=["L0001"])
    name: Name = Field(examples=["凌河中心小学"])
    kind: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")] = Field(examples=["school"])
    aliases: Names = Field((), max_length=20)
    former_names: Names = Field((), max_length=20)
    unit: Annotated[GridCode | None, IfAny] = None
    longitude: Annotated[Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] | None, IfAny] = None
    latitude: Annotated[Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] | None, IfAny] = None

    @property
    def point(self) -> tuple[float, float] | None:
        return None if self.longitude is None or self.latitude is None else (self.longitude, self.latitude)

    def value(self) -> NamedPlace:
        return NamedPlace(self.place_id, self.name, self.kind, self.aliases, self.former_names, self.unit, self.point)


class RuleCells(BaseModel):
    """A routing rule: conditions, of which empty ones are none, and one target."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: int = Field(ge=1, le=32_000, description="The rule with the lowest number that matches decides.")
    category: Annotated[str, StringConstraints(pattern=r"^[0-9]{0,5}$")] = Field(
        "", description="A category, or what its code begins with.", examples=["11002"]
    )
    area: Annotated[str, StringConstraints(pattern=r"^[a-z_]{0,40}$")] = ""
    request_kind: Annotated[RequestKind | None, IfAny] = None
    within: Annotated[GridCode | None, IfAny] = Field(None, description="Only for places in this unit.")
    to_unit: Annotated[GridCode | None, IfAny] = Field(None, description="Wherever it is, this unit answers.")
    to_org_kind: Annotated[OrgKind | None, IfAny] = Field(
        None, description="The organisation of this kind above the place answers."
    )
    note: Name = Field(description="Why, for the explanation.", examples=["爆管由供水联络点处置"])

    def value(self) -> Rule:
        return Rule(**{name: getattr(self, name) for name in RuleCells.model_fields})


def wrong_places(
    places: Sequence[tuple[str, PlaceCells]], units: Container[str], borders: Borders
) -> Iterator[Problem]:
    """What of the places, each with where it stands, does not fit the street."""
    yield from _twice("place_id", [(where, place.place_id) for where, place in places])
    for where, place in places:
        if place.unit is not None:
            if place.longitude is not None or place.latitude is not None:
                yield Problem(f"{where}, unit", "a place has a unit or a point, not both")
            elif place.unit not in units:
                yield Problem(f"{where}, unit", f"{place.unit} is no unit of the street")
        elif place.point is None:
            yield Problem(f"{where}, unit", "a place needs a unit, or longitude and latitude")
    at = [(where, place.point) for where, place in places if place.unit is None and place.point is not None]
    for (where, _), located in zip(at, borders.locate([point for _, point in at]), strict=True):
        if located is None:
            yield Problem(f"{where}, longitude", "the point lies far outside of the street: longitude before latitude")


def wrong_rules(
    rules: Sequence[tuple[str, RuleCells]], units: Container[str], areas: Mapping[str, str]
) -> Iterator[Problem]:
    """What of the rules does not fit the street; `areas` by category. A rule that can never decide is wrong, too."""
    yield from _twice("number", [(where, rule.number) for where, rule in rules])
    first: dict[tuple[object, ...], int] = {}
    for where, rule in sorted(rules, key=lambda each: each[1].number):
        for column, code in (("within", rule.within), ("to_unit", rule.to_unit)):
            if code is not None and code not in units:
                yield Problem(f"{where}, {column}", f"{code} is no unit of the street")
        if (rule.to_unit is None) == (rule.to_org_kind is None):
            yield Problem(f"{where}, to_unit", "a rule needs either to_unit or to_org_kind")
        if not any(category.startswith(rule.category) and rule.area in ("", areas[category]) for category in areas):
            yield Problem(f"{where}, category", "no category of the responsibility list is of that category and area")
        conditions = (rule.category, rule.area, rule.request_kind, rule.within)
        if conditions in first:
            yield Problem(
                f"{where}, number", f"rule {first[conditions]} has the same conditions, so this never decides"
            )
        first.setdefault(conditions, rule.number)


def _twice(column: str, keys: Sequence[tuple[str, object]]) -> Iterator[Problem]:
    first: dict[object, str] = {}
    for where, key in keys:
        if key in first:
            yield Problem(f"{where}, {column}", f"{key} is in {first[key]} already")
        first.setdefault(key, where)


def place_row(place: PlaceCells, tenant: str) -> Row:
    return {"tenant": tenant, **place.model_dump(mode="json", include=set(PlaceCells.model_fields))}


def rule_row(rule: RuleCells, tenant: str) -> Row:
    return {"tenant": tenant, **rule.model_dump(mode="json", include=set(RuleCells.model_fields))}
