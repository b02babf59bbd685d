"""A service as a process: it tells that it stops before it stops, and ends with 0."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from deploy.local.servers.nats_and_postgres import Servers
from libs.cli.running import run
from tests.support.cli import WANGGE
from tests.support.stage import PATIENCE_SECONDS, fresh_database


@pytest.fixture(scope="module")
def environment(servers: Servers) -> dict[str, str]:
    url = run(fresh_database(servers.addresses.admin_url, "dispatch", "cli_serve"))
    own = {"WANGGE_NATS_URL": servers.addresses.nats_url, "WANGGE_DISPATCH_DATABASE_URL": url}
    subprocess.run([*WANGGE, "topology", "apply"], env={**os.environ, **own}, check=True, stdout=subprocess.DEVNULL)
    return {**os.environ, **own, "WANGGE_HTTP_PORT": "0"}


@contextmanager
def serving(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running dispatch and its address, which its log tells."""
    process = subprocess.Popen([*WANGGE, "serve", "dispatch"], env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        line = next(line for line in process.stderr if '"listening"' in line)
        address = "http://" + line.partition('"address": "')[2].partition('"')[0]
        until_ready(address)
        yield process, address
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def until_ready(address: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (answer := httpx.get(f"{address}/ready")).status_code != 200:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)


def test_at_sigterm_it_is_not_ready_and_still_answers_before_it_ends(environment: dict[str, str]) -> None:
    with serving({**environment, "WANGGE_DRAIN_SECONDS": "1.5"}) as (process, address):
        process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (answer := httpx.get(f"{address}/ready")).status_code == 200:
            assert time.monotonic() < deadline
        assert answer.json()["accepting"] is False
        assert httpx.get(f"{address}/live").status_code == 200
        assert process.wait(PATIENCE_SECONDS) == 0


def test_at_sigint_it_ends_without_draining(environment: dict[str, str]) -> None:
    with serving({**environment, "WANGGE_DRAIN_SECONDS": "600"}) as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 0


def test_a_port_that_is_taken_is_told_in_a_sentence(environment: dict[str, str]) -> None:
    with serving(environment) as (_, address):
        port = address.rpartition(":")[2]
        second = subprocess.run(
            [*WANGGE, "serve", "dispatch"],
            env={**environment, "WANGGE_HTTP_PORT": port},
            capture_output=True,
            text=True,
            check=False,
        )
    assert second.returncode == 1
    assert f"127.0.0.1:{port} cannot be listened on: Address already in use." in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.parametrize("away", [("nats",), ("postgres",), ("nats", "postgres")], ids="+".join)
def test_it_ends_cleanly_while_what_it_needs_is_away(
    servers: Servers, environment: dict[str, str], away: tuple[str, ...]
) -> None:
    with serving({**environment, "WANGGE_GRACEFUL_TIMEOUT_SECONDS": "2"}) as (process, address):
        for each in away:
            getattr(servers, each).kill()
        try:
            assert httpx.get(f"{address}/live").status_code == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_SECONDS) == 0
            assert process.stderr is not None
            said = process.stderr.read()
        finally:
            for each in away:
                getattr(servers, each).start()
    assert "Traceback" not in said
    assert '"event": "stopped"' in said


def test_it_starts_while_what_it_needs_is_away_and_says_so(environment: dict[str, str]) -> None:
    nowhere = {"WANGGE_NATS_URL": "nats://127.0.0.1:1", "WANGGE_DISPATCH_DATABASE_URL": "postgresql://127.0.0.1:1/x"}
    process = subprocess.Popen(
        [*WANGGE, "serve", "dispatch"], env={**environment, **nowhere}, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    line = next(line for line in process.stderr if '"listening"' in line)
    address = "http://" + line.partition('"address": "')[2].partition('"')[0]
    answer = httpx.get(f"{address}/ready")
    assert (answer.status_code, answer.json()["database"], answer.json()["broker_reached"]) == (503, False, False)
    assert "ConnectionRefusedError" in answer.json()["failing"]["database"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_SECONDS) == 0
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()


def test_docs_load_nothing_from_another_site(environment: dict[str, str]) -> None:
    with serving(environment) as (_, address):
        page = httpx.get(f"{address}/docs").text
        assets = re.findall(r"""(?:src|href)=["']([^"']+)["']""", page)
        loaded = {path: httpx.get(address + path) for path in [*assets, "/openapi.json"]}
        assert httpx.get(f"{address}/redoc").status_code == 404
    assert "//" not in page.replace("<!-- `SwaggerUIBundle` is now available on the page -->", "")
    assert sorted(path.rpartition(".")[2] for path in assets) == ["css", "js", "png"]
    assert all(answer.status_code == 200 and answer.content for answer in loaded.values())
    style = next(answer.text for path, answer in loaded.items() if path.endswith(".css"))
    assert {url.strip("\"'")[:5] for url in re.findall(r"url\(([^)]{6})", style)} == {"data:"}
    assert "@import" not in style
