"""The checker is tested: every planted bug is found, by the statements that are about it, and without one all hold."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.planted.bugs import Trouble
from tests.chaos.planted.catalogue import BUGS
from tests.chaos.planted.trials import Trials


@pytest.fixture(scope="module")
def trials() -> Iterator[Trials]:
    with tempfile.TemporaryDirectory() as folder, Trials(Path(folder)) as ready:
        yield ready


TROUBLES = sorted({(bug.service, bug.trouble) for bug in BUGS.values()}, key=str)


@pytest.mark.parametrize(("service", "trouble"), [("incident", None), *((s, t) for s, t in TROUBLES if t is not None)])
async def test_without_a_bug_everything_holds_in_the_same_trouble(
    trials: Trials, service: str, trouble: Trouble
) -> None:
    broken = await trials.broken(None, service, trouble)
    assert not [(check.statement, check.contradictions[:3]) for check in broken]


@pytest.mark.parametrize("name", sorted(BUGS, key=lambda name: BUGS[str(name)].service))
async def test_a_planted_bug_is_found(trials: Trials, name: str) -> None:
    bug = BUGS[name]
    found = [check.statement for check in await trials.broken(bug, bug.service, bug.trouble)]
    missed = [wanted for wanted in bug.found_by if not any(wanted in statement for statement in found)]
    assert not missed, f"{bug.sentence}: not found by {missed}, but by {found}"
