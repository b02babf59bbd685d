"""Data that lies on a full disk: who asks reads why, the service is not ready, and both go on when there is room."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from deploy.local.servers.nats_and_postgres import Servers
from libs.chassis.db.ids import new_id
from tests.support.incident import TENANT, categories
from tests.support.stage import MakeStage, Stage, empty_database, fresh_database
from tests.support.volumes import Volume, why_not

REFUSED_HERE = why_not(Path(tempfile.gettempdir()))


@pytest.fixture
async def disk(servers: Servers) -> AsyncIterator[Volume]:
    """A small one of its own, on which PostgreSQL has a tablespace; its log is elsewhere."""
    admin = servers.addresses.admin_url
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        volume = Volume(Path(folder) / "small")
        volume.mount()
        connection = await asyncpg.connect(admin)
        try:
            data = os.stat(await connection.fetchval("SHOW data_directory"))
            os.chown(volume.folder, data.st_uid, data.st_gid)
            await connection.execute(f"CREATE TABLESPACE small LOCATION '{volume.folder}'")
            yield volume
            await connection.execute("DROP DATABASE small WITH (FORCE)")
            await connection.execute("DROP TABLESPACE small")
        finally:
            await connection.close()
            volume.unmount()


@pytest.fixture
async def incident(servers: Servers, disk: Volume, stage: MakeStage) -> Stage:
    admin = servers.addresses.admin_url
    await fresh_database(admin, "incident", "small")  # For the template of which it makes one.
    url = await empty_database(admin, "small", "TEMPLATE template_incident TABLESPACE small STRATEGY FILE_COPY")
    running = await stage("incident", WANGGE_INCIDENT_DATABASE_URL=url)
    await running.hear(*categories())
    return running


async def report(incident: Stage, language: str = "en") -> httpx.Response:
    body = {"tenant": TENANT, "category": "11001", "text": "路灯不亮。" * 900, "place": {"name": "儒林"}}
    headers = {"Idempotency-Key": str(new_id()), "Accept-Language": language}
    return await incident.http.post("/v1/reports", json=body, headers=headers)


@pytest.mark.skipif(bool(REFUSED_HERE), reason=f"only root may mount a volume of its own: {REFUSED_HERE}")
async def test_a_full_disk_is_named_makes_it_not_ready_and_loses_nothing(incident: Stage, disk: Volume) -> None:
    assert (await report(incident)).status_code == 201
    assert (await incident.http.get("/ready")).status_code == 200
    disk.fill()
    stored = 1
    while (refused := await report(incident)).status_code == 201:  # Into the pages that are there.
        stored += 1
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert "the disk of the database is full; nothing was stored" in refused.json()["detail"]
    assert "数据库磁盘已满；什么也没有保存" in (await report(incident, "zh")).json()["detail"]
    ready = await incident.http.get("/ready")
    assert (ready.status_code, ready.json()["database"]) == (503, False)
    assert ready.json()["failing"]["database"].startswith("DiskFullError 53100")

    disk.relieve()
    assert (await incident.http.get("/ready")).status_code == 200
    assert (await report(incident)).status_code == 201
    page = (await incident.http.get("/v1/cases", params={"tenant": TENANT})).json()
    assert page["total"]["count"] == stored + 1
