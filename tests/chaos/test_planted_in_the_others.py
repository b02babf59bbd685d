"""The checker is tested: every bug that is planted in scoring or notify is found. Neither needs trouble for that."""

from __future__ import annotations

import pytest

from tests.chaos.planted.catalogue import bugs_of
from tests.chaos.planted.trials import Trials


@pytest.mark.parametrize("name", bugs_of("scoring", "notify"))
async def test_a_planted_bug_is_found(trials: Trials, name: str) -> None:
    assert await trials.what_misses(name) == []
