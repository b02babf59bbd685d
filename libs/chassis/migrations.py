"""One Alembic chain per service, in the service's own `migrations/` folder."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from libs.chassis.database import connect
from libs.chassis.schema_version import SERVICES, version

LOCK = 0x6D696772


async def migrate(url: str, service: str, revision: str = "head") -> str:
    """Bring the database of a service to a version; the version it has then. One process at a time does it."""
    engine = connect(url, pool_size=2, idle_in_transaction_seconds=0, answer_seconds=None)
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
    alembic = Config()
    alembic.set_main_option("script_location", str(Path(__file__).parent / "alembic"))
    alembic.set_main_option("version_locations", str(SERVICES / service / "migrations"))
    alembic.set_main_option("path_separator", "os")
    alembic.attributes["connection"] = connection
    command.upgrade(alembic, revision)
