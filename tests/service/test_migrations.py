"""Every service's chain of migrations: on an empty and on a filled database, and equal to the table classes."""

from __future__ import annotations

import importlib
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, String, text
from sqlmodel import AutoString, SQLModel

from deploy.local.servers.nats_and_postgres import Servers
from libs.chassis.db import migrations
from libs.chassis.db.database import connect, transaction
from libs.chassis.db.ids import new_id
from libs.chassis.db.schema_version import is_ready, known_versions
from libs.chassis.db.tables import ChassisTable
from libs.contracts.services import SERVICES
from tests.support.stage import empty_database


def own_metadata(service: str) -> MetaData:
    """Of the one SQLModel base that the service's table classes share."""
    importlib.import_module(f"services.{service}.app")
    prefix = f"services.{service}."
    return next(c.metadata for c in SQLModel.__subclasses__() if c.__module__.startswith(prefix))


def differences(connection: Connection, service: str) -> list[object]:
    """In tables and columns. Indexes and constraints are the migrations' own matter."""

    def other_type(context: Any, column: Any, metadata_column: Any, there: Any, here: Any) -> bool | None:
        return False if isinstance(there, String) and isinstance(here, String | AutoString) else None

    context = MigrationContext.configure(connection, opts={"compare_type": other_type})
    both = MetaData()
    for metadata in (ChassisTable.metadata, own_metadata(service)):
        for table in metadata.tables.values():
            table.to_metadata(both)
    columns = ("add_table", "remove_table", "add_column", "remove_column")
    found = [d for d in compare_metadata(context, both) if isinstance(d, list) or d[0] in columns]
    return [d for d in found if not (isinstance(d, tuple) and getattr(d[1], "name", "") == "alembic_version")]


@pytest.mark.parametrize("service", SERVICES)
async def test_the_migrated_database_is_what_the_table_classes_say(servers: Servers, service: str) -> None:
    url = await empty_database(servers.addresses.admin_url, f"migrated_{service}")
    assert await migrations.migrate(url, service) == known_versions(service)[-1]
    engine = migrations.alembic_engine(url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences, service) == []
    await engine.dispose()


@pytest.mark.parametrize("service", SERVICES)
async def test_every_step_keeps_what_is_there_and_may_be_run_again(servers: Servers, service: str) -> None:
    url = await empty_database(servers.addresses.admin_url, f"filled_{service}")
    connection = await asyncpg.connect(url)
    for number, revision in enumerate(known_versions(service), 1):
        assert await migrations.migrate(url, service, revision) == revision
        assert await migrations.migrate(url, service, revision) == revision
        await connection.execute(
            "INSERT INTO outbox (partition, message_id, subject, headers, body) "
            "VALUES (0, $1, 'wangge.test', '{}', '')",
            new_id(),
        )
        assert await connection.fetchval("SELECT count(*) FROM outbox") == number
    await connection.close()


async def test_code_runs_on_its_own_schema_and_on_a_newer_one_but_not_on_an_older(servers: Servers) -> None:
    url = await empty_database(servers.addresses.admin_url, "versions")
    engine = connect(url, pool_size=1)
    assert not await is_ready(engine, "dispatch")
    await migrations.migrate(url, "dispatch")
    assert await is_ready(engine, "dispatch")
    async with transaction(engine) as db:
        await db.execute(text("UPDATE alembic_version SET version_num = 'dispatch_9999'"))
    assert await is_ready(engine, "dispatch")
    await engine.close()
