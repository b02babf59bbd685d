"""Points of a member, and the rankings. Nothing is changed here."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field

from libs.chassis.http import DatabaseDep, OfStreet, not_found
from libs.contracts.message import MemberId, OrgId
from libs.sentences import none_in_street
from services.scoring.ledger.api import View
from services.scoring.ledger.domain import Because, Kind
from services.scoring.roster import tables as roster
from services.scoring.roster.requests import street_or_404
from services.scoring.rules import rules_file
from services.scoring.rules.api import check_dimension
from services.scoring.standings import tables as standings

router = APIRouter(tags=["points"])

Limit = Annotated[int, Query(ge=1, le=500)]
Dimension = Annotated[str | None, Query(description="One of the five; without it, all.", examples=["服务争先"])]


class PostingView(View):
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


class RankedMember(View):
    rank: int
    member_id: MemberId
    name: str | None
    org_id: OrgId | None
    org_name: str | None
    points: int


class RankedOrg(View):
    rank: int
    org_id: OrgId
    org_name: str | None
    points: int


@router.get("/v1/members/{member_id}/points")
async def member_points(
    member_id: Annotated[MemberId, Path(examples=["M0001"])],
    tenant: OfStreet,
    request: Request,
    db: DatabaseDep,
    limit: Limit = 20,
) -> MemberPoints:
    """A member's points by dimension, and the last transactions."""
    account = f"member:{member_id}"
    balances = await standings.balances(db, tenant, account)
    member = await roster.member(db, tenant, member_id)
    if member is None and not balances:
        await street_or_404(db, tenant)
        raise not_found(none_in_street(tenant, f"成员 {member_id}", f"member {member_id}"))
    return MemberPoints(
        member_id=member_id,
        name=member.name if member else None,
        org_id=member.org_id if member else None,
        org_name=member.org_name if member else None,
        points=sum(balances.values()),
        by_dimension=dict.fromkeys(rules_file.rules_of(request.app.state).dimensions, 0) | balances,
        postings=[PostingView.model_validate(p) for p in await standings.last_postings(db, tenant, account, limit)],
    )


@router.get("/v1/ranking")
async def member_ranking(
    tenant: OfStreet, request: Request, db: DatabaseDep, dimension: Dimension = None, limit: Limit = 10
) -> list[RankedMember]:
    """The members of a street with the most points. Equal points share a rank."""
    check_dimension(dimension, request)
    await street_or_404(db, tenant)
    return [
        RankedMember.model_validate(row) for row in await standings.ranking(db, "members", tenant, dimension, limit)
    ]


@router.get("/v1/orgs/ranking")
async def org_ranking(
    tenant: OfStreet, request: Request, db: DatabaseDep, dimension: Dimension = None, limit: Limit = 10
) -> list[RankedOrg]:
    """The organisations of a street with the most points. Equal points share a rank."""
    check_dimension(dimension, request)
    await street_or_404(db, tenant)
    return [RankedOrg.model_validate(row) for row in await standings.ranking(db, "orgs", tenant, dimension, limit)]
