"""Members and organisations as dispatch last told of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from libs.chassis.db.columns import text_column, time_column
from libs.chassis.db.database import Database, Record
from libs.contracts.dispatch import MemberChanged, UnitChanged
from services.scoring.table import ScoringTable


class MemberRow(ScoringTable, table=True):
    """A member as dispatch last told."""

    __tablename__ = "members"

    tenant: str = text_column(key=True)
    member_id: str = text_column(key=True)
    name: str = text_column()
    org_id: str = text_column()
    active: bool
    changed_at: datetime = time_column()
    changed_by: UUID


class OrgRow(ScoringTable, table=True):
    """An organisation as dispatch last told."""

    __tablename__ = "orgs"

    tenant: str = text_column(key=True)
    org_id: str = text_column(key=True)
    name: str = text_column()
    kind: str = text_column()
    active: bool
    changed_at: datetime = time_column()
    changed_by: UUID


MEMBER = text(
    """
    SELECT m.name, m.org_id, o.name AS org_name, m.active
    FROM members m LEFT JOIN orgs o USING (tenant, org_id)
    WHERE m.tenant = :tenant AND m.member_id = :member_id
    """
)

STREET = text("SELECT 1 FROM orgs WHERE tenant = :tenant LIMIT 1")
ORG = text("SELECT name FROM orgs WHERE tenant = :tenant AND org_id = :org_id")


RECORD_MEMBERS = text(
    """
    INSERT INTO members AS m (tenant, member_id, name, org_id, active, changed_at, changed_by)
    SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:members AS text[]), CAST(:names AS text[]),
        CAST(:orgs AS text[]), CAST(:active AS boolean[]), CAST(:times AS timestamptz[]), CAST(:ids AS uuid[]))
    ON CONFLICT (tenant, member_id) DO UPDATE SET name = excluded.name, org_id = excluded.org_id,
        active = excluded.active, changed_at = excluded.changed_at, changed_by = excluded.changed_by
    WHERE (m.changed_at, m.changed_by) < (excluded.changed_at, excluded.changed_by)
    """
)

RECORD_ORGS = text(
    """
    INSERT INTO orgs AS o (tenant, org_id, name, kind, active, changed_at, changed_by)
    SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:orgs AS text[]), CAST(:names AS text[]),
        CAST(:kinds AS text[]), CAST(:active AS boolean[]), CAST(:times AS timestamptz[]), CAST(:ids AS uuid[]))
    ON CONFLICT (tenant, org_id) DO UPDATE SET name = excluded.name, kind = excluded.kind, active = excluded.active,
        changed_at = excluded.changed_at, changed_by = excluded.changed_by
    WHERE (o.changed_at, o.changed_by) < (excluded.changed_at, excluded.changed_by)
    """
)


async def member(db: Database, tenant: str, member_id: str) -> Record | None:
    return await db.one(MEMBER, {"tenant": tenant, "member_id": member_id})


async def knows_street(db: Database, tenant: str) -> bool:
    """Whether dispatch has told of an organisation of it."""
    return await db.one(STREET, {"tenant": tenant}) is not None


async def org(db: Database, tenant: str, org_id: str) -> Record | None:
    return await db.one(ORG, {"tenant": tenant, "org_id": org_id})


async def record_members(db: Database, facts: Iterable[MemberChanged]) -> None:
    newest = {(f.tenant, f.member_id): f for f in sorted(facts, key=lambda f: (f.occurred_at, f.id))}
    latest = [newest[key] for key in sorted(newest)]
    await db.execute(
        RECORD_MEMBERS,
        {
            "tenants": [f.tenant for f in latest],
            "members": [f.member_id for f in latest],
            "names": [f.member_name for f in latest],
            "orgs": [f.org_id for f in latest],
            "active": [f.active for f in latest],
            "times": [f.occurred_at for f in latest],
            "ids": [f.id for f in latest],
        },
    )


async def record_orgs(db: Database, facts: Iterable[UnitChanged]) -> None:
    newest = {(f.tenant, f.org_id): f for f in sorted(facts, key=lambda f: (f.occurred_at, f.id))}
    latest = [newest[key] for key in sorted(newest)]
    await db.execute(
        RECORD_ORGS,
        {
            "tenants": [f.tenant for f in latest],
            "orgs": [f.org_id for f in latest],
            "names": [f.org_name for f in latest],
            "kinds": [f.org_kind.value for f in latest],
            "active": [f.active for f in latest],
            "times": [f.occurred_at for f in latest],
            "ids": [f.id for f in latest],
        },
    )
