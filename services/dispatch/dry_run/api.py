"""Where a report would go and why, what a name may mean, and what a change of the rules would make of past cases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Literal, TypeVar

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from libs.chassis.handlers import Refused
from libs.chassis.http import Body, DatabaseDep, RefusedRequest
from libs.contracts.incident import Somewhere
from libs.contracts.message import CategoryCode, Tenant
from libs.contracts.reasons import Explanation, ReasonView
from libs.contracts.values import Level, RequestKind
from libs.sheets.mistakes import Mistake, Mistaken, Where
from services.dispatch.components import lookup as components
from services.dispatch.dry_run.domain import Replayed
from services.dispatch.grid.domain.gazetteer import Candidate
from services.dispatch.order_lists import tables as order_tables
from services.dispatch.orders.domain.offering import ANYBODY, OfferPlan, plan_offer, who_may_be_asked
from services.dispatch.roster.domain.places_and_rules import PlaceCells, RuleCells, wrong_places, wrong_rules
from services.dispatch.routing.domain import RoutedTo, RoutingRequest, Unrouted, route_all
from services.dispatch.street.api import CandidateView, candidate_view
from services.dispatch.street.domain.rules import Rules
from services.dispatch.street.domain.street import Street
from services.dispatch.street.lookup import street_or_404
from services.dispatch.workload import tables as workload_tables
from services.dispatch.workload.domain import Workload

router = APIRouter(tags=["routing"])

T = TypeVar("T")

REPLAYED_AT_ONCE = 500
"""A decision takes a few microseconds: so many hold no other request up for long."""
COUNTED_AT_MOST = 200
IDS_AT_MOST = 20


class DryRun(Body, Somewhere):
    tenant: Tenant
    category: CategoryCode
    request_kind: RequestKind = RequestKind.SNAPSHOT


class PassedOver(BaseModel):
    """Members who are near and would not hear first; of those without the skill there is only the number."""

    reason: Literal["absent", "at_limit", "further_away", "without_skill"]
    count: int
    members: list[str]


class Route(BaseModel):
    """Where a report would go, who would hear of it, and why. Nothing is made.

    `certain` is false where the street's desk would have to decide, or where the point is only good to some metres and
    may lie in several units: then ask which of the `candidates` is meant.
    """

    unit: str
    unit_name: str
    level: Level
    org_id: str
    certain: bool
    rule: int | None = Field(description="The routing rule that decides, if one does.")
    candidates: list[CandidateView]
    hear_first: list[str]
    passed_over: list[PassedOver]
    because: list[ReasonView]


class ReplayBody(Body):
    """What shall be tried. What is left out stays as it is; an empty list means none."""

    tenant: Tenant
    days: int = Field(30, ge=1, le=366)
    rules: list[RuleCells] | None = Field(None, max_length=500)
    places: list[PlaceCells] | None = Field(None, max_length=1000)
    shown: int = Field(20, ge=0, le=200, description="So many of the cases that differ are shown.")


class Moved(BaseModel):
    """So many cases would go to `after` instead of `before`."""

    before: str
    after: str
    cases: int


class DifferingView(BaseModel):
    case_no: str
    category: str
    before: str
    after: str
    because_before: list[ReasonView]
    because_after: list[ReasonView]


class ReplayView(BaseModel):
    """Past cases, routed as the street is and as it would be. Of the units, those with the most cases come first."""

    cases: int
    differing: int
    by_level: list[Moved]
    by_unit: list[Moved]
    first: list[DifferingView]


@router.post("/v1/routing/dry-run")
async def dry_run(body: DryRun, request: Request, db: DatabaseDep) -> Route:
    """Where would a report go, who would hear of it, and why?"""
    street = await street_or_404(db, body.tenant)
    now = request.app.state.clock.now()
    named, place = await components.located(db, body.tenant, body.component, body.where, street)
    [routed] = route_all([RoutingRequest(body.category, place, now, body.request_kind)], street)
    skills = routed.responsibility.skills if routed.responsibility else ANYBODY
    asked = {(body.tenant, m) for m in who_may_be_asked(routed.unit.code, skills, street)}
    workload = await workload_tables.workload_of(db, asked, now)
    hearing = plan_offer(routed, street, workload.get(body.tenant, Workload()))
    return _route(routed, hearing, named.explained() if named else (), street)


@router.post("/v1/routing/replay")
async def replay(body: ReplayBody, request: Request, db: DatabaseDep) -> ReplayView:
    """Which cases of the last days would have gone elsewhere by other rules or places? Nothing is changed."""
    street = await street_or_404(db, body.tenant)
    if wrong := list(_wrong(body, street)):
        raise RefusedRequest(Refused(422, "Invalid request", Mistaken(wrong).sentence))
    after = street
    if body.rules is not None:
        after = replace(after, rules=Rules([rule.value() for rule in body.rules]))
    if body.places is not None:
        after = replace(after, places=[place.value() for place in body.places])
    since = request.app.state.clock.now() - timedelta(days=body.days)
    replayed = Replayed(body.shown)
    async for cases in order_tables.routed(db, body.tenant, since, REPLAYED_AT_ONCE):
        replayed.add(cases, street, after)
    return _replay(replayed)


def _wrong(body: ReplayBody, street: Street) -> Iterator[Mistake]:
    yield from wrong_places(_numbered("places", body.places or ()), street.units, street.units.map)
    areas = {category: rows[0].area for category, rows in street.responsibilities.items()}
    yield from wrong_rules(_numbered("rules", body.rules or ()), street.units, areas)


def _numbered(name: str, entries: Sequence[T]) -> list[tuple[Where, T]]:
    return [(Where(f"{name}.{at}"), each) for at, each in enumerate(entries)]


def _candidates(routed: RoutedTo | Unrouted, street: Street) -> list[CandidateView]:
    """What the name may mean, or the units that the point may lie in, the one that it would go to first."""
    if isinstance(routed, Unrouted):
        return [candidate_view(each) for each in routed.candidates]
    return [candidate_view(_may_lie_in(code, routed.because, street)) for code in routed.may_lie_in]


def _may_lie_in(code: str, because: Explanation, street: Street) -> Candidate:
    path = " › ".join(above.name for above in reversed([*street.ancestors(code)]))
    said = tuple(why for why in because if why.values.get("code") == code)
    return Candidate(code, street.units[code].name, path, said)


def _route(routed: RoutedTo | Unrouted, hearing: OfferPlan, named: Explanation, street: Street) -> Route:
    because = (*named, *routed.because, *hearing.because)
    passed = (
        ("absent", hearing.absent, len(hearing.absent)),
        ("at_limit", hearing.at_limit, len(hearing.at_limit)),
        ("further_away", hearing.further, len(hearing.further)),
        ("without_skill", (), hearing.unskilled),
    )
    return Route(
        unit=routed.unit.code,
        unit_name=routed.unit.name,
        level=routed.unit.level,
        org_id=routed.unit.org_id,
        certain=isinstance(routed, RoutedTo) and not routed.may_lie_in,
        rule=routed.rule if isinstance(routed, RoutedTo) else None,
        candidates=_candidates(routed, street),
        hear_first=list(hearing.first),
        passed_over=[
            PassedOver(reason=reason, count=count, members=list(members[:IDS_AT_MOST]))
            for reason, members, count in passed
            if count
        ],
        because=[ReasonView.model_validate(each, from_attributes=True) for each in because],
    )


def _replay(replayed: Replayed) -> ReplayView:
    return ReplayView(
        cases=replayed.cases,
        differing=replayed.differing,
        by_level=[Moved(before=b, after=a, cases=n) for (b, a), n in replayed.levels.most_common()],
        by_unit=[Moved(before=b, after=a, cases=n) for (b, a), n in replayed.units.most_common(COUNTED_AT_MOST)],
        first=[DifferingView.model_validate(each, from_attributes=True) for each in replayed.first],
    )
