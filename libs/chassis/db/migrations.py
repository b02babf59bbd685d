"""One Alembic chain per service, in the service's own `migrations/` folder."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, NullPool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from libs.chassis.db.schema_version import SERVICES_FOLDER

LOCK = 0x6D696772


async def migrate(url: str, service: str, revision: str = "head") -> str:
    """Migrate the database of a service under an advisory lock, so one process at a time; the version it has then."""
    engine = alembic_engine(url)
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
            await connection.commit()
            await connection.run_sync(_upgrade, service, revision)
            await connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})
            await connection.commit()
            return str(await connection.scalar(text("SELECT version_num FROM alembic_version")))
    except DBAPIError as error:
        # What PostgreSQL said, which SQLAlchemy wraps twice.
        raise (getattr(error.orig, "__cause__", None) or error) from None
    finally:
        await engine.dispose()


def alembic_engine(url: str) -> AsyncEngine:
    """An engine of SQLAlchemy, which Alembic needs; no statement timeout, since a migration may take long."""
    return create_async_engine("postgresql+asyncpg://" + url.partition("://")[2], poolclass=NullPool)


def _upgrade(connection: Connection, service: str, revision: str) -> None:
    alembic = Config()
    alembic.set_main_option("script_location", str(Path(__file__).parent / "alembic"))
    alembic.set_main_option("version_locations", str(SERVICES_FOLDER / service / "migrations"))
    alembic.set_main_option("path_separator", "os")
    alembic.attributes["connection"] = connection
    command.upgrade(alembic, revision)
