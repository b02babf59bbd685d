"""The database of a service, for a command that needs it once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from asyncpg import PostgresError
from sqlalchemy import text

from libs.chassis.db.database import (
    ANSWER_SECONDS,
    CONNECTION_ERRORS,
    IDLE_IN_TRANSACTION_SECONDS,
    Database,
    connect,
    transaction,
)
from libs.cli.running import asked_at

READ_ONLY = text("SET TRANSACTION READ ONLY")


@asynccontextmanager
async def opened(
    url: str,
    *,
    read_only: bool = False,
    idle_in_transaction_seconds: float = IDLE_IN_TRANSACTION_SECONDS,
    answer_seconds: float | None = ANSWER_SECONDS,
) -> AsyncIterator[Database]:
    """One transaction, which is committed at the end of the block. See `connect` for the limits."""
    engine = connect(
        url, pool_size=1, idle_in_transaction_seconds=idle_in_transaction_seconds, answer_seconds=answer_seconds
    )
    try:
        async with transaction(engine) as db:
            if read_only:
                await db.execute(READ_ONLY)
            yield db
    except (*CONNECTION_ERRORS, PostgresError) as error:
        asked_at(error, url, "WANGGE_…_DATABASE_URL")
        raise
    finally:
        await engine.close()
