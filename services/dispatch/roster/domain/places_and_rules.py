"""What a roster says about routing beside the responsibility list: places with names, and rules."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from libs.contracts.message import GridCode
from libs.contracts.values import OrgKind, RequestKind
from libs.sentences import Language, Sentence
from libs.sheets.cells import IfAny, Name, Names, Text, Word
from libs.sheets.mistakes import Mistake, Where
from services.dispatch.grid.domain.borders import Borders
from services.dispatch.grid.domain.gazetteer import NamedPlace
from services.dispatch.street.domain.rules import Rule

Row = dict[str, Any]


class PlaceCells(BaseModel):
    """A place of the street's gazetteer, in a unit or at a point."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    place_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")] = Field(examples=["L0001"])
    name: Name = Field(examples=["凌河中心小学"])
    kind: Word = Field(examples=["school"])
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
    area: Text = ""
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
    places: Sequence[tuple[Where, PlaceCells]], units: Container[str], borders: Borders
) -> Iterator[Mistake]:
    """What of the places, each with where it stands, does not fit the street."""
    yield from twice("place_id", [(where, place.place_id) for where, place in places])
    for where, place in places:
        if place.unit is not None:
            if place.longitude is not None or place.latitude is not None:
                both = Sentence("地点要么写网格，要么写坐标，不能都写", "a place has a unit or a point, not both")
                yield Mistake(where, "unit", both)
            elif place.unit not in units:
                yield Mistake(where, "unit", no_unit(place.unit))
        elif place.point is None:
            neither = Sentence("地点要有网格，或经度和纬度", "a place needs a unit, or longitude and latitude")
            yield Mistake(where, "unit", neither)
    at = [(where, place.point) for where, place in places if place.unit is None and place.point is not None]
    for (where, _), located in zip(at, borders.locate([point for _, point in at]), strict=True):
        if located is None:
            far = Sentence(
                "坐标离本街道很远：先经度，后纬度",
                "the point lies far outside of the street: longitude before latitude",
            )
            yield Mistake(where, "longitude", far)


def wrong_rules(
    rules: Sequence[tuple[Where, RuleCells]], units: Container[str], areas: Mapping[str, str]
) -> Iterator[Mistake]:
    """What of the rules does not fit the street; `areas` by category. A rule that can never decide is wrong, too."""
    yield from twice("number", [(where, rule.number) for where, rule in rules])
    first: dict[tuple[object, ...], int] = {}
    for where, rule in sorted(rules, key=lambda each: each[1].number):
        for column, code in (("within", rule.within), ("to_unit", rule.to_unit)):
            if code is not None and code not in units:
                yield Mistake(where, column, no_unit(code))
        if (rule.to_unit is None) == (rule.to_org_kind is None):
            one = Sentence("规则要么转至网格，要么转至组织类型，二者取一", "a rule needs either to_unit or to_org_kind")
            yield Mistake(where, "to_unit", one)
        if not any(category.startswith(rule.category) and rule.area in ("", areas[category]) for category in areas):
            none = Sentence(
                "权责清单里没有这个类别和领域", "no category of the responsibility list is of that category and area"
            )
            yield Mistake(where, "category", none)
        conditions = (rule.category, rule.area, rule.request_kind, rule.within)
        if conditions in first:
            number = first[conditions]
            never = Sentence(
                f"条件与规则 {number} 相同，因此永远不会用到",
                f"rule {number} has the same conditions, so this never decides",
            )
            yield Mistake(where, "number", never)
        first.setdefault(conditions, rule.number)


def no_unit(code: str) -> Sentence:
    return Sentence(f"本街道没有 {code} 这个单元", f"{code} is no unit of the street")


def twice(column: str, keys: Sequence[tuple[Where, object]]) -> Iterator[Mistake]:
    """What of a column that tells lines apart stands there a second time."""
    first: dict[object, Where] = {}
    for where, key in keys:
        if key in first:
            already = Sentence(
                f"{key} 已在 {first[key].told(Language.ZH)}", f"{key} is in {first[key].told(Language.EN)} already"
            )
            yield Mistake(where, column, already)
        first.setdefault(key, where)


def place_row(place: PlaceCells, tenant: str) -> Row:
    return {"tenant": tenant, **place.model_dump(mode="json", include=set(PlaceCells.model_fields))}


def rule_row(rule: RuleCells, tenant: str) -> Row:
    return {"tenant": tenant, **rule.model_dump(mode="json", include=set(RuleCells.model_fields))}
