"""Fixtures on real servers: one NATS and one PostgreSQL for each worker, a fresh database and streams for each test."""

from __future__ import annotations

import importlib
import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from deploy.local.servers.nats_and_postgres import Servers
from libs.chassis.messaging import subscriber
from tests.support.stage import KEYS, MakeStage, Stage, fresh_database, fresh_streams, on_stage

# No test fails because the machine is slow.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


TAKE_MINUTES = (
    "tests/chaos/test_planted_in_dispatch.py",
    "tests/chaos/test_planted_in_incident.py",
    "tests/chaos/test_planted_in_the_others.py",
    "tests/chaos/test_short.py",
    "tests/end_to_end/test_bench.py",
    "tests/service/test_plans.py",
    "tests/end_to_end/test_bench_growth.py",
    "tests/end_to_end/test_run.py",
    "tests/end_to_end/test_whole_loop.py",
)
"""Files that begin first, in this sequence: of several workers none shall sit with one of them at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {file: number for number, file in enumerate(TAKE_MINUTES)}
    items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], len(place)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`: one more than there are processors, since half of the time a test waits for something."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    # Not pytest's own folder: as root it is closed to the user that PostgreSQL runs as.
    with tempfile.TemporaryDirectory() as folder, Servers(Path(folder), durable=False) as running:
        running.create_database("admin")
        yield running


@pytest.fixture(autouse=True)
def short_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service waits for its last poll when it stops, and tests stop hundreds."""
    monkeypatch.setattr(subscriber, "POLL_SECONDS", 0.1)


@pytest.fixture
async def stage(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeStage]:
    """`await stage("dispatch")` runs that service for the test; settings may be given as environment variables."""
    admin = servers.addresses.admin_url
    numbers = itertools.count()
    monkeypatch.setenv("WANGGE_NATS_URL", servers.addresses.nats_url)
    monkeypatch.setenv("WANGGE_NOTIFY_PRIVATE_KEY", KEYS[0])
    monkeypatch.setenv("WANGGE_NOTIFY_PUBLIC_KEY", KEYS[1])
    monkeypatch.setenv("WANGGE_SWEEP_SECONDS", "0.05")
    # No test fails because the machine is slow: only those about waiting too long wait so long as people do.
    monkeypatch.setenv("WANGGE_REQUEST_SECONDS", "60")
    monkeypatch.setenv("WANGGE_DATABASE_LOCK_SECONDS", "30")
    monkeypatch.setenv("WANGGE_DATABASE_FREE_SECONDS", "30")
    monkeypatch.setenv("WANGGE_LOG_LEVEL", "ERROR")

    async with AsyncExitStack() as stack:

        async def make(service: str, *more: str, **environment: str) -> Stage:
            """Run `service`; the first call of a test empties the streams, `more` are services that join later."""
            number = next(numbers)
            app = importlib.import_module(f"services.{service}.app")
            url = await fresh_database(admin, service, f"test_{service}_{number}")
            monkeypatch.setenv(f"WANGGE_{service.upper()}_DATABASE_URL", url)
            for key, value in environment.items():
                monkeypatch.setenv(key, value)
            if number == 0:
                routers = {s: importlib.import_module(f"services.{s}.handlers").router for s in (service, *more)}
                await fresh_streams(servers.addresses.nats_url, {s: list(r.events) for s, r in routers.items()})
            return await stack.enter_async_context(on_stage(app.build()))

        yield make
