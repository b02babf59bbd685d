"""How the street graded what an organisation handled."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from libs.chassis.http import DatabaseDep, OfStreet, not_found
from libs.contracts.incident import Grade
from libs.contracts.message import Moment, OrgId
from libs.sentences import none_in_street
from services.scoring.roster import tables as roster
from services.scoring.roster.requests import street_or_404
from services.scoring.street_evaluations import tables as evaluations

router = APIRouter(tags=["points"])


class OrgEvaluations(BaseModel):
    org_id: OrgId
    since: datetime | None
    until: datetime | None
    counted: dict[Grade, int] = Field(description="By members of the street committee.")
    not_counted: int = Field(description="By anybody else.")


@router.get("/v1/orgs/{org_id}/evaluations")
async def org_evaluations(
    org_id: OrgId,
    tenant: OfStreet,
    db: DatabaseDep,
    since: Moment | None = None,
    until: Moment | None = None,
) -> OrgEvaluations:
    """How the street graded what an organisation handled (街道评价), in [since, until)."""
    counted = dict.fromkeys(Grade, 0)
    not_counted = 0
    found = await evaluations.of_org(db, tenant, org_id, since, until)
    if not found and await roster.org(db, tenant, org_id) is None:
        await street_or_404(db, tenant)
        raise not_found(none_in_street(tenant, f"组织 {org_id}", f"organisation {org_id}"))
    for row in found:
        if row.counts:
            counted[Grade(row.grade)] = row.said
        else:
            not_counted += row.said
    return OrgEvaluations(org_id=org_id, since=since, until=until, counted=counted, not_counted=not_counted)
