"""What the street said of how organisations handled their orders."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Field

from libs.chassis.db.columns import text_column, time_column
from libs.chassis.db.database import Database, Record
from libs.contracts.incident import CaseStreetEvaluated
from services.scoring.table import ScoringTable


class StreetEvaluationRow(ScoringTable, table=True):
    """What the street said of how an order was handled. `by_org`: the evaluator's own then, where it was known."""

    __tablename__ = "street_evaluations"

    tenant: str = text_column(key=True)
    order_id: UUID = Field(primary_key=True)
    case_id: UUID
    org_id: str = text_column()
    grade: str = text_column()
    by_member: str = text_column()
    by_org: str | None = text_column(nullable=True)
    evaluated_at: datetime = time_column()


# The evaluator's organisation is kept as it is now: they may leave it later. Where it is not known yet it is null, and
# looked up when the evaluations are read.
RECORD = text(
    """
    INSERT INTO street_evaluations (tenant, order_id, case_id, org_id, grade, by_member, by_org, evaluated_at)
    SELECT said.tenant, order_id, case_id, said.org_id, grade, by_member, members.org_id, evaluated_at
    FROM unnest(CAST(:tenants AS text[]), CAST(:orders AS uuid[]), CAST(:cases AS uuid[]), CAST(:orgs AS text[]),
        CAST(:grades AS text[]), CAST(:members AS text[]), CAST(:times AS timestamptz[]))
        AS said (tenant, order_id, case_id, org_id, grade, by_member, evaluated_at)
    LEFT JOIN members ON members.tenant = said.tenant AND members.member_id = said.by_member
    ON CONFLICT (tenant, order_id) DO NOTHING
    """
)

OF_ORG = text(
    """
    SELECT grade, coalesce(orgs.kind = 'street_committee', false) AS counts, count(*) AS said
    FROM street_evaluations e
    LEFT JOIN members m ON m.tenant = e.tenant AND m.member_id = e.by_member
    LEFT JOIN orgs ON orgs.tenant = e.tenant AND orgs.org_id = coalesce(e.by_org, m.org_id)
    WHERE e.tenant = :tenant AND e.org_id = :org_id
        AND (CAST(:since AS timestamptz) IS NULL OR evaluated_at >= :since)
        AND (CAST(:until AS timestamptz) IS NULL OR evaluated_at < :until)
    GROUP BY 1, 2
    """
)


async def record(db: Database, said: Iterable[CaseStreetEvaluated]) -> None:
    """One for each order: a case that is opened again has another."""
    first = sorted(said, key=lambda f: (f.occurred_at, f.id))
    await db.execute(
        RECORD,
        {
            "tenants": [f.tenant for f in first],
            "orders": [f.order_id for f in first],
            "cases": [f.case_id for f in first],
            "orgs": [f.org_id for f in first],
            "grades": [f.grade.value for f in first],
            "members": [f.by_member for f in first],
            "times": [f.occurred_at for f in first],
        },
    )


async def of_org(
    db: Database, tenant: str, org_id: str, since: datetime | None, until: datetime | None
) -> list[Record]:
    """By grade, and by whether the evaluator was of the street committee, how many there are in [since, until)."""
    return list(await db.rows(OF_ORG, {"tenant": tenant, "org_id": org_id, "since": since, "until": until}))
