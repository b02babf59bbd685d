"""Which schema a database has, and which one this code needs. Does not import Alembic, which takes 14 MiB of memory."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import text

from libs.chassis.db.database import Engine, transaction

SERVICES_FOLDER = Path(__file__).resolve().parents[3] / "services"
REVISION = re.compile(r'^revision = "(.+)"$', re.MULTILINE)


def known_versions(service: str) -> list[str]:
    """The versions of the service's migrations, oldest first, which is the order of the files' names."""
    files = sorted((SERVICES_FOLDER / service / "migrations").glob("[0-9]*.py"))
    return [REVISION.findall(file.read_text(encoding="utf-8"))[0] for file in files]


async def version(engine: Engine) -> str | None:
    """The version of the database, None before the first migration."""
    async with transaction(engine) as db:
        there = await db.one(text("SELECT to_regclass('alembic_version') IS NOT NULL AS there"))
        if there is None or not there[0]:
            return None
        row = await db.one(text("SELECT version_num FROM alembic_version"))
    return str(row.version_num) if row else None


async def is_ready(engine: Engine, service: str) -> bool:
    """Whether this code can run on the database: its version is the code's newest one, or unknown and so newer.

    Migrations only add at first, so old code runs on a newer schema, and a rollback of the code needs no migration.
    """
    known, current = known_versions(service), await version(engine)
    return current is not None and (current == known[-1] or current not in known)
