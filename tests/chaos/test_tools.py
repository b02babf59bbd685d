"""The tools of chaos do what they are for: else a run would hold because nothing was broken."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from deploy.local.servers.machine import free_port
from deploy.local.system import ROOT
from tests.chaos.faults import Happened
from tests.chaos.journal import ANSWER, ATTEMPT, NO_ANSWER, Entry
from tests.chaos.planted.bugs import Patches
from tests.chaos.planted.catalogue import BUGS
from tests.chaos.provider import WELL, Provider
from tests.chaos.proxy import ABORT, Link, Proxy
from tests.chaos.recovery import Waiting, recovery, waiting
from tests.chaos.schedule import Planned
from tests.support.volumes import Volume, why_not

LINK = "one→other"
SILENCE_SECONDS = 0.3


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    proxy = Proxy([Link(LINK, free_port(), free_port())], free_port(), cwd=ROOT, log=tmp_path / "log")
    proxy.start()
    yield proxy
    proxy.stop()


@pytest.fixture
async def wire(proxy: Proxy) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Through the proxy to somebody who says the same back."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while said := await reader.read(100):
                writer.write(said)
        writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", proxy.links[LINK].target_port):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.links[LINK].listen_port)
        yield reader, writer
        writer.close()


Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def test_a_wire_that_is_held_says_nothing_and_is_reset_when_it_is_released(proxy: Proxy, wire: Wire) -> None:
    reader, writer = wire
    writer.write(b"before")
    assert await reader.read(100) == b"before"
    proxy.hold([LINK])
    writer.write(b"meanwhile")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(100), SILENCE_SECONDS)
    proxy.release([LINK])
    with pytest.raises(ConnectionResetError):
        await reader.read(100)


async def test_a_wire_passes_again_though_somebody_left_while_it_was_held(proxy: Proxy, wire: Wire) -> None:
    listen_port = proxy.links[LINK].listen_port
    proxy.hold([LINK])
    with socket.create_connection(("127.0.0.1", listen_port)) as leaving:
        leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    await asyncio.sleep(SILENCE_SECONDS)
    proxy.release([LINK])
    reader, writer = await asyncio.open_connection("127.0.0.1", listen_port)
    writer.write(b"after")
    assert await asyncio.wait_for(reader.read(100), 10) == b"after"
    writer.close()


def test_an_order_that_the_proxy_cannot_follow_is_an_error(proxy: Proxy) -> None:
    with pytest.raises(ConnectionError):
        proxy.hold(["no such wire"])


async def test_a_slow_wire_takes_its_time(proxy: Proxy, wire: Wire) -> None:
    reader, writer = wire
    proxy.slow([LINK], SILENCE_SECONDS * 2)
    writer.write(b"slowly")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(100), SILENCE_SECONDS)
    assert await reader.read(100) == b"slowly"


async def test_a_wire_can_be_reset(proxy: Proxy, wire: Wire) -> None:
    reader, writer = wire
    writer.write(b"before")
    assert await reader.read(100) == b"before"
    proxy.reset([LINK])
    with pytest.raises(ConnectionResetError):
        await reader.read(100)


def test_the_provider_writes_down_every_call_whatever_it_answers(tmp_path: Path) -> None:
    log = tmp_path / "provider.jsonl"
    provider = Provider(free_port(), log, cwd=ROOT, log=tmp_path / "log")
    provider.start()
    try:
        heard: list[int | str] = []
        for mood in (WELL, "429", "500", "lost", "hung"):
            provider.put_in(mood)
            heard.append(_call(provider.url, mood))
    finally:
        provider.stop()
    assert heard == [200, 429, 500, "RemoteProtocolError", "ReadTimeout"]
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(call["key"], call["answered"]) for call in calls] == [
        ("200", 200),
        ("429", 429),
        ("500", 500),
        ("lost", "lost"),
        ("hung", "hung"),
    ]


def _call(url: str, key: str) -> int | str:
    try:
        return httpx.post(url, json={"text": "x" * 1000}, headers={"Wangge-Delivery": key}, timeout=2).status_code
    except httpx.TransportError as error:
        return type(error).__name__


def test_a_full_volume_takes_no_byte_more_until_it_is_relieved(tmp_path: Path) -> None:
    if (reason := why_not(tmp_path)) is not None:
        pytest.skip(f"volumes cannot be mounted here: {reason}")
    volume = Volume(tmp_path / "volume")
    volume.mount()
    try:
        (volume.folder / "before").write_bytes(bytes(100_000))
        volume.fill()
        with pytest.raises(OSError, match="No space left"):
            (volume.folder / "after").write_bytes(bytes(5_000))
        volume.relieve()
        (volume.folder / "after").write_bytes(bytes(5_000))
    finally:
        volume.unmount()


def test_a_volume_is_filled_though_somebody_writes_to_it(tmp_path: Path) -> None:
    if (refused := why_not(tmp_path)) is not None:
        pytest.skip(f"volumes cannot be mounted here: {refused}")
    volume, over = Volume(tmp_path / "data"), threading.Event()
    volume.mount()

    def write() -> None:
        with (volume.folder / "log").open("wb", buffering=0) as log:
            while not over.is_set():
                with suppress(OSError):
                    log.write(bytes(5_000))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(100):
            volume.fill()
            volume.relieve()
    finally:
        over.set()
        writer.join()
        volume.unmount()


ALWAYS = Waiting([(0, 1_000)])


def test_recovery_is_the_time_from_a_healing_to_the_next_2xx() -> None:
    planned = Planned(0, "wire reset", ("a", "b"), 0, 0, ("a→b",))
    happened = [Happened(planned, begun_at=10, healed_at=12), Happened(planned, begun_at=20, healed_at=21)]
    found = recovery([5, 11, 15, 21.5, 30], ALWAYS, happened, until=40, lag_zero_at=33)
    assert (found.gap, found.after, found.lag_zero) == (8.5, {"wire reset": 3}, 12)


def test_a_gap_says_for_how_long_there_was_no_database() -> None:
    stopped = Planned(0, "PostgreSQL stopped", ("postgres",), 0, 0, ("postgres",))
    happened = [Happened(stopped, 4, 5.5), Happened(stopped, 7, 19)]
    found = recovery([5, 20, 21], ALWAYS, happened, until=40, lag_zero_at=None)
    assert (found.gap, found.gap_without_database) == (15, 12.5)


def test_a_system_that_never_answers_again_has_not_recovered() -> None:
    planned = Planned(0, "wire reset", ("a", "b"), 0, 0, ("a→b",))
    found = recovery([5], ALWAYS, [Happened(planned, begun_at=10, healed_at=12)], until=40, lag_zero_at=None)
    assert (found.after, found.lag_zero) == ({"wire reset": 28}, None)


def test_while_nobody_waits_no_answer_is_missing() -> None:
    planned = Planned(0, "wire reset", ("a", "b"), 0, 0, ("a→b",))
    waits = waiting(
        [
            *_asked("taken", 4, 5, 201),
            *_asked("refused", 6, 7, 409),
            *_asked("cut off", 20, 28, None),
            *_asked("taken at last", 28, 30, 201),
        ]
    )
    found = recovery([5, 30], waits, [Happened(planned, begun_at=8, healed_at=12)], until=40, lag_zero_at=None)
    assert (found.gap, found.after) == (10, {"wire reset": 10})


def _asked(id: str, asked: float, ended: float, status: int | None) -> list[Entry]:
    end = ANSWER if status else NO_ANSWER
    return [
        Entry(datetime.fromtimestamp(at, UTC), "report", step, id, said, {})
        for at, step, said in ((asked, ATTEMPT, None), (ended, end, status))
    ]


@pytest.mark.parametrize("name", sorted(BUGS))
def test_the_code_that_a_bug_replaces_is_there(name: str) -> None:
    patches = Patches()
    try:
        BUGS[name].plant(patches)
    finally:
        patches.take_out()
