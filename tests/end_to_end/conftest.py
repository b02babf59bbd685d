"""One street for all tests of this folder that bring their own cases."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.local.system import LocalSystem, clock_that_shows
from tests.end_to_end.standing import SPEED, Standing

MONDAY_MORNING = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def standing() -> Iterator[Standing]:
    clock = clock_that_shows(MONDAY_MORNING, datetime.now(UTC), SPEED)
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalSystem(Path(folder), durable=False, clock=clock, settings={"WANGGE_SWEEP_SECONDS": "0.1"}) as local,
    ):
        yield Standing(local)
