"""One street for all bugs of a file: a bug is planted while its services run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.planted.trials import Trials


@pytest.fixture(scope="module")
def trials() -> Iterator[Trials]:
    with tempfile.TemporaryDirectory() as folder, Trials(Path(folder)) as ready:
        yield ready
