"""What the bare chains of the bench write is what one case leads to."""

from __future__ import annotations

import pytest

from libs.contracts.dispatch import OrderDispatched
from libs.contracts.incident import CaseRegistered, CaseReported
from tests.bench.bare_steps import CHAINS, Step, Steps, consumed, written
from wangge.wiring import handled


def test_rows_and_facts_are_counted_wherever_a_fact_is_heard_and_a_webhook_leaves_one_more() -> None:
    steps: Steps = {
        "incident": {"reports": Step(1, (CaseReported, CaseRegistered)), OrderDispatched: Step(2)},
        "dispatch": {CaseRegistered: Step(3, (OrderDispatched, OrderDispatched))},
        "notify": {CaseRegistered: Step(4, webhook=True)},
    }
    assert written(steps) == {"incident": (5, 2), "dispatch": (3, 2), "notify": (4, 1)}


def test_a_life_writes_as_many_rows_and_facts_as_in_the_tables_of_the_services() -> None:
    # As pg_stat_user_tables counts them, beside inbox and outbox; the intake writes the row of the case.
    assert written(CHAINS["life"]) == {"incident": (11, 4), "dispatch": (17, 6), "scoring": (17, 3), "notify": (17, 0)}


@pytest.mark.parametrize("name", CHAINS)
def test_a_bare_chain_hears_what_the_services_hear(name: str) -> None:
    steps, services = CHAINS[name], handled()
    said = {fact for of in steps.values() for step in of.values() for fact in step.facts}
    for service, heard in consumed(steps).items():
        assert set(heard) == said & set(services[service])
