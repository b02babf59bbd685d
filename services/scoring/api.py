"""Points over HTTP: standings, rankings, the rules, and the proof that the ledger adds up. Nothing is changed here."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from libs.chassis.handlers import Refused
from libs.chassis.http import Reading, RefusedRequest, not_found
from libs.contracts.incident import Grade
from libs.contracts.message import MemberId, OrgId, Tenant
from services.scoring import rules_file
from services.scoring.domain.ledger import Because, Kind
from services.scoring.domain.rules import Who
from services.scoring.tables import evaluations, views

router = APIRouter(tags=["points"])

Street = Annotated[Tenant, Query(description="Code of the street.", examples=["370784004"])]
Limit = Annotated[int, Query(ge=1, le=500)]
Dimension = Annotated[str | None, Query(description="One of the five; without it, all.", examples=["服务争先"])]


class _View(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class PostingView(_View):
    """`points` is what the transaction did to the account: negative for a reversal."""

    transaction_id: UUID
    kind: Kind
    rule: str
    rules_version: int
    dimension: str
    points: int
    case_id: UUID | None
    cause_id: UUID
    reverses: UUID | None
    because: Because | None
    occurred_at: datetime


class MemberPoints(BaseModel):
    """What a member has, and the transactions that were posted last, newest first."""

    member_id: MemberId
    name: str | None = Field(examples=["张三"])
    org_id: OrgId | None
    org_name: str | None
    points: int
    by_dimension: dict[str, int]
    postings: list[PostingView]


class RankedMember(_View):
    rank: int
    member_id: MemberId
    name: str | None
    org_id: OrgId | None
    org_name: str | None
    points: int


class RankedOrg(_View):
    rank: int
    org_id: OrgId
    org_name: str | None
    points: int


class OrgEvaluations(BaseModel):
    org_id: OrgId
    since: datetime | None
    until: datetime | None
    counted: dict[Grade, int] = Field(description="By members of the street committee.")
    not_counted: int = Field(description="By anybody else.")


class DifferenceView(_View):
    account: str
    dimension: str
    balance: int
    replayed: int


class LedgerView(_View):
    """`adds_up`: both sums are zero, and every balance is what its postings add up to."""

    adds_up: bool
    sum_of_balances: int
    sum_of_postings: int
    transactions: int
    differences: list[DifferenceView]


class RuleView(_View):
    name: str
    event: str
    who: Who
    when: dict[str, bool]
    points: int | Literal["category"]
    dimension: str
    daily_cap: int | None


class RulesView(BaseModel):
    version: int
    dimensions: list[str]
    rules: list[RuleView]


@router.get("/v1/members/{member_id}/points")
async def member_points(
    member_id: Annotated[MemberId, Path(examples=["M0001"])], tenant: Street, db: Reading, limit: Limit = 20
) -> MemberPoints:
    """A member's points by dimension, and the last transactions."""
    account = f"member:{member_id}"
    balances = await views.balances(db, tenant, account)
    member = await views.member(db, tenant, member_id)
    if member is None and not balances:
        raise not_found(f"there is no member {member_id} in {tenant}")
    return MemberPoints(
        member_id=member_id,
        name=member.name if member else None,
        org_id=member.org_id if member else None,
        org_name=member.org_name if member else None,
        points=sum(balances.values()),
        by_dimension=dict.fromkeys(rules_file.in_force().dimensions, 0) | balances,
        postings=[PostingView.model_validate(p) for p in await views.last_postings(db, tenant, account, limit)],
    )


@router.get("/v1/ranking")
async def member_ranking(
    tenant: Street, db: Reading, dimension: Dimension = None, limit: Limit = 10
) -> list[RankedMember]:
    """The members of a street with the most points. Equal points share a rank."""
    _is_known(dimension)
    return [RankedMember.model_validate(row) for row in await views.ranking(db, "members", tenant, dimension, limit)]


@router.get("/v1/orgs/ranking")
async def org_ranking(tenant: Street, db: Reading, dimension: Dimension = None, limit: Limit = 10) -> list[RankedOrg]:
    """The organisations of a street with the most points. Equal points share a rank."""
    _is_known(dimension)
    return [RankedOrg.model_validate(row) for row in await views.ranking(db, "orgs", tenant, dimension, limit)]


@router.get("/v1/orgs/{org_id}/evaluations")
async def org_evaluations(
    org_id: OrgId, tenant: Street, db: Reading, since: AwareDatetime | None = None, until: AwareDatetime | None = None
) -> OrgEvaluations:
    """How the street graded what an organisation handled (街道评价), in [since, until)."""
    counted = dict.fromkeys(Grade, 0)
    not_counted = 0
    for row in await evaluations.of_org(db, tenant, org_id, since, until):
        if row.counts:
            counted[Grade(row.grade)] = row.said
        else:
            not_counted += row.said
    return OrgEvaluations(org_id=org_id, since=since, until=until, counted=counted, not_counted=not_counted)


@router.get("/v1/ledger/check")
async def check_ledger(tenant: Street, db: Reading) -> LedgerView:
    """Replay every posting of the street and compare the balances with it."""
    return LedgerView.model_validate(await views.verify(db, tenant))


@router.get("/v1/rules")
def show_rules() -> RulesView:
    """The rules in force, as the file has them."""
    rules = rules_file.in_force()
    shown = [
        RuleView(
            name=rule.name,
            event=rule.event,
            who=rule.who,
            when=dict(rule.when),
            points="category" if rule.points is None else rule.points,
            dimension=rule.dimension,
            daily_cap=rule.daily_cap,
        )
        for rule in rules.rules
    ]
    return RulesView(version=rules.version, dimensions=list(rules.dimensions), rules=shown)


def _is_known(dimension: str | None) -> None:
    known = rules_file.in_force().dimensions
    if dimension is not None and dimension not in known:
        detail = f"dimension must be one of {', '.join(known)}"
        raise RefusedRequest(Refused(422, "Unknown dimension", detail, {"allowed": list(known)}))
