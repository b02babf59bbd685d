"""Each street numbers its own cases, and no number is used up by what is not taken."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.support.incident import TENANT, categories
from tests.support.stage import MakeStage, Stage

OTHER_STREET = "370784005"


@pytest.fixture
async def incident(stage: MakeStage) -> Stage:
    running = await stage("incident")
    await running.hear(*categories(), *(c.model_copy(update={"tenant": OTHER_STREET}) for c in categories()))
    return running


async def report(incident: Stage, key: str, **changes: Any) -> httpx.Response:
    place = {"point": {"longitude": 119.2, "latitude": 36.4}}
    body = {"tenant": TENANT, "category": "11001", "text": "路灯不亮", "place": place, **changes}
    return await incident.http.post("/v1/reports", json=body, headers={"Idempotency-Key": key})


def number(answer: httpx.Response) -> int:
    assert answer.status_code == 201, answer.text
    return int(answer.json()["case_no"].partition("-")[2])


async def test_a_refused_and_a_repeated_report_leave_no_gap(incident: Stage) -> None:
    first = number(await report(incident, "k-1"))
    assert number(await report(incident, "k-1")) == first
    for key, wrong in (
        ("k-1", {"text": "别的事"}),
        ("k-2", {"category": "99999"}),
        ("k-3", {"tenant": "370784999"}),
        ("k-4", {"component": "13800000000"}),
        ("k-5", {"place": {"name": "\0"}}),
        ("k-6", {"photo": "x"}),
    ):
        assert (await report(incident, key, **wrong)).status_code == 422, wrong
    assert number(await report(incident, "k-2")) == first + 1


async def test_of_copies_and_others_that_arrive_together_each_case_has_the_next_number(incident: Stage) -> None:
    await report(incident, "k-0")
    keys = [f"k-{n % 3}" for n in range(12)]
    answers = await asyncio.gather(*(report(incident, key) for key in keys))
    assert len({number(answer) for answer in answers}) == 3
    last = max(number(answer) for answer in answers)
    assert number(await report(incident, "k-3")) == last + 1


async def test_each_street_counts_from_one(incident: Stage) -> None:
    streets = [TENANT, OTHER_STREET, TENANT, OTHER_STREET, TENANT]
    answers = await asyncio.gather(*(report(incident, f"k-{n}", tenant=t) for n, t in enumerate(streets)))
    numbers = {
        tenant: sorted(number(answer) for answer, of in zip(answers, streets, strict=True) if of == tenant)
        for tenant in (TENANT, OTHER_STREET)
    }
    assert numbers == {TENANT: [1, 2, 3], OTHER_STREET: [1, 2]}
