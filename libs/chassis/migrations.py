"""One Alembic chain per service, in the service's own `migrations/` folder."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.chassis.database import connect

SERVICES = Path(__file__).resolve().parents[2] / "services"
LOCK = 0x6D696772


def config(service: str) -> Config:
    alembic = Config()
    alembic.set_main_option("script_location", str(Path(__file__).parent / "alembic"))
    alembic.set_main_option("version_locations", str(SERVICES / service / "migrations"))
    alembic.set_main_option("path_separator", "os")
    return alembic


def expected_version(service: str) -> str:
    """The newest version that this code knows."""
    return str(ScriptDirectory.from_config(config(service)).get_current_head())


def _knows(service: str, version: str) -> bool:
    return any(script.revision == version for script in ScriptDirectory.from_config(config(service)).walk_revisions())


async def version(engine: AsyncEngine) -> str | None:
    """The version of the database, None before the first migration."""
    async with engine.connect() as connection:
        return await connection.run_sync(lambda c: MigrationContext.configure(c).get_current_revision())


async def is_ready(engine: AsyncEngine, service: str) -> bool:
    """Whether this code can run on the database: at its version, or at one that is newer than the code.

    Migrations expand first, so old code runs on a newer schema, and a rollback needs none.
    """
    current = await version(engine)
    return current is not None and (current == expected_version(service) or not _knows(service, current))


async def migrate(url: str, service: str, revision: str = "head") -> str:
    """Bring the database of a service to a version; the version it has then. One process at a time does it."""
    engine = connect(url, pool_size=1)
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
            await connection.commit()
            await connection.run_sync(_upgrade, service, revision)
            await connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})
            await connection.commit()
        return str(await version(engine))
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, service: str, revision: str) -> None:
    alembic = config(service)
    alembic.attributes["connection"] = connection
    command.upgrade(alembic, revision)
