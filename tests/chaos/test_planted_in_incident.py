"""The checker is tested: every bug that is planted in incident is found, and without one all statements hold."""

from __future__ import annotations

import pytest

from tests.chaos.planted.bugs import Trouble
from tests.chaos.planted.catalogue import bugs_of, troubles_of
from tests.chaos.planted.trials import Trials


@pytest.mark.parametrize("trouble", [None, *troubles_of("incident")])
async def test_without_a_bug_everything_holds_in_the_same_trouble(trials: Trials, trouble: Trouble) -> None:
    assert await trials.contradictions("incident", trouble) == []


@pytest.mark.parametrize("name", bugs_of("incident"))
async def test_a_planted_bug_is_found(trials: Trials, name: str) -> None:
    assert await trials.what_misses(name) == []
