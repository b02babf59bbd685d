"""Whatever is sent to the four services, they answer as they say they answer, and never with a fault of their own.

Requests are made from the services' own descriptions (OpenAPI), fitting and unfitting ones. In most of them the street,
cases, orders and members are real, so that not all of them end at the door.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.generation.modes import GenerationMode
from schemathesis.schemas import APIOperation

from deploy.local.servers.nats_and_postgres import Servers
from deploy.local.system import TENANT
from libs.chassis.db.ids import new_id
from libs.cli.running import run
from libs.contracts.services import SERVICES
from tests.support.cli import WANGGE
from tests.support.linghe_street import import_linghe
from tests.support.stage import KEYS, PATIENCE_SECONDS, fresh_database, fresh_streams
from wangge.wiring import handled

EXAMPLES = 12
"""Of each operation, and as many unfitting ones. All of it takes about a minute."""
CASES = 8
CATEGORIES = ("11004", "11010", "12006")
TAKEN = 0.6
"""Of the operations, at least, something that was sent was good enough for so many."""
CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@pytest.fixture(scope="module")
def addresses(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The four services as processes, on a street with its people and a few cases."""
    admin = servers.addresses.admin_url
    urls = {service: run(fresh_database(admin, service, f"fuzzed_{service}")) for service in SERVICES}
    run(fresh_streams(servers.addresses.nats_url, handled()))
    run(import_linghe(urls["dispatch"]))
    environment = {
        **os.environ,
        **{f"WANGGE_{service.upper()}_DATABASE_URL": url for service, url in urls.items()},
        "WANGGE_NATS_URL": servers.addresses.nats_url,
        "WANGGE_NOTIFY_PRIVATE_KEY": KEYS[0],
        "WANGGE_NOTIFY_PUBLIC_KEY": KEYS[1],
        "WANGGE_HTTP_PORT": "0",
    }
    logs = tmp_path_factory.mktemp("logs")
    with ExitStack() as stack:
        found = {s: stack.enter_context(_serving(s, environment, logs / s)) for s in SERVICES}
        yield found


@contextmanager
def _serving(service: str, environment: dict[str, str], log: Path) -> Iterator[str]:
    """The address of the running service, which its log tells."""
    with log.open("w") as written:
        process = subprocess.Popen([*WANGGE, "serve", service], env=environment, stderr=written)
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        while '"address": "' not in (said := log.read_text()):
            assert time.monotonic() < deadline, said
            time.sleep(0.05)
        yield "http://" + said.partition('"address": "')[2].partition('"')[0]
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def _report(address: str) -> list[str]:
    """Cases that register at once, that wait for an acceptor, and to be verified; made once dispatch has told the
    categories. Their tracking codes."""
    place = {"point": {"longitude": 119.1, "latitude": 36.35}}
    deadline = time.monotonic() + PATIENCE_SECONDS
    codes: list[str] = []
    while len(codes) < 3 * CASES:
        headers, category = {"Idempotency-Key": str(new_id())}, CATEGORIES[len(codes) % 3]
        body = {"tenant": TENANT, "category": category, "text": "路灯不亮", "place": place}
        answer = httpx.post(f"{address}/v1/reports", json=body, headers=headers)
        codes += [answer.json()["tracking_code"]] if answer.status_code == 201 else []
        assert time.monotonic() < deadline, answer.text
    return codes


@pytest.fixture(scope="module")
def real(addresses: dict[str, str]) -> dict[str, list[Any]]:
    """Values that lead somewhere, by the names of the parameters and fields that take them."""
    street = {"tenant": TENANT}
    codes = _report(addresses["incident"])
    cases = httpx.get(f"{addresses['incident']}/v1/cases", params=street).json()["items"]
    deadline = time.monotonic() + PATIENCE_SECONDS
    orders: list[Any] = []
    inspections: list[Any] = []
    while len(orders) < CASES or len(inspections) < CASES:
        assert time.monotonic() < deadline
        orders, inspections = (
            httpx.get(f"{addresses['dispatch']}/v1/{what}", params=street).json()["items"]
            for what in ("orders", "inspections")
        )
        time.sleep(0.1)
    members = [member for order in orders for member in order["offered_to"]]
    units = [order["unit"] for order in orders]
    campaign = {
        "name_zh": "消防巡查",
        "name_en": "Fire patrol",
        "areas": [TENANT],
        "category": CATEGORIES[0],
        "begins_at": "2036-01-01T00:00:00+08:00",
        "recurrence": "FREQ=DAILY",
        "window_minutes": 60,
    }
    begun = httpx.post(f"{addresses['dispatch']}/v1/campaigns", json={**street, **campaign})
    return {
        "tenant": [TENANT],
        "code": [*codes, *units],
        "campaign_id": [begun.json()["campaign_id"]],
        "org_id": [order["org_id"] for order in orders],
        "case_no": [case["case_no"] for case in cases],
        "into": [case["case_no"] for case in cases],
        "order_id": [order["order_id"] for order in orders],
        "inspection_id": [each["inspection_id"] for each in inspections],
        "member_id": members,
        "to_member": members,
        "documents_returned": [[]],
        "by_member": members,
        "category": list(CATEGORIES),
        "recipient_id": [f"member:{member}" for member in members],
        "unit": units,
        "rules": [[{"number": 1, "category": CATEGORIES[0], "to_unit": TENANT, "note": "都归街道"}]],
        "places": [[]],
        **{name: ["2036-01-01T00:00:00+08:00"] for name in ("since", "from_at", "due_before", "appointment_before")},
        **{name: ["2036-01-02T00:00:00+08:00"] for name in ("until", "until_at")},
    }


@pytest.mark.parametrize("service", SERVICES)
def test_every_answer_is_one_that_is_described(
    service: str, addresses: dict[str, str], real: dict[str, list[Any]]
) -> None:
    schema = schemathesis.openapi.from_url(f"{addresses[service]}/openapi.json")
    load_all_checks()
    checks = CHECKS.get_by_names(CHECKED)
    wrong: list[str] = []
    answered: set[str] = set()
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) >= 5
    with requests.Session() as session:
        for operation in operations:
            for mode in GenerationMode:
                wrong += _tried(operation, mode, checks, real, session, answered)
    assert not wrong, "\n\n".join(wrong)
    assert len(answered) >= TAKEN * len(operations), {each.label for each in operations} - answered


def _tried(
    operation: APIOperation[Any, Any, Any, Any],
    mode: GenerationMode,
    checks: list[Any],
    real: dict[str, list[Any]],
    session: requests.Session,
    answered: set[str],
) -> list[str]:
    """What is wrong with the answers to an operation."""

    @given(case=operation.as_strategy(generation_mode=mode), draws=st.data())
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def answers(case: Case[Any], draws: st.DataObject) -> None:
        parts: list[Any] = [case.path_parameters, case.query, case.body]
        for part in (part for part in parts if isinstance(part, dict)):
            for name in sorted(real.keys() & part.keys()):
                if draws.draw(st.integers(0, 4)):
                    part[name] = draws.draw(st.sampled_from(real[name]))
        if case.call_and_validate(checks=checks, session=session).status_code < 300:
            answered.add(operation.label)

    try:
        answers()
    except Unsatisfiable:
        return []  # An operation that takes nothing cannot be asked wrongly.
    except (FailureGroup, Failure) as failure:
        return [f"{operation.label}: {failure}"]
    return []
