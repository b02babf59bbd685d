"""The embedded servers on their real binaries: they answer, survive kills, and leave nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import nats
import psutil
import pytest

from deploy.local.servers import machine
from deploy.local.servers.guarded_process import spawn_guarded
from deploy.local.servers.machine import LocalServerFailure, free_port
from deploy.local.servers.nats_and_postgres import Addresses, Servers

CHECKOUT = Path(__file__).parents[2]
RUN_UNTIL_INTERRUPTED = """
import signal, sys, time
from pathlib import Path
from deploy.local.servers.nats_and_postgres import Servers

# A shell that runs the tests in the background has Ctrl-C ignored by everything below it.
signal.signal(signal.SIGINT, signal.default_int_handler)

try:
    with Servers(Path(sys.argv[1]), durable=False) as servers:
        print("up", flush=True)
        time.sleep(600)
except KeyboardInterrupt:
    sys.exit(0)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's own: each session of pytest closes the parent of those, to PostgreSQL too if root runs it."""
    with tempfile.TemporaryDirectory(prefix="wangge-") as made:
        yield Path(made).resolve()


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with (
        tempfile.TemporaryDirectory(prefix="wangge-") as made,
        Servers(Path(made), durable=False) as running,
    ):
        yield running


@pytest.fixture
def other_run(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process, in a session of its own, that runs the servers on folder / "data"."""
    with subprocess.Popen(
        [sys.executable, "-c", RUN_UNTIL_INTERRUPTED, str(folder / "data")],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"up\n"
        yield run
        run.kill()
    eventually(lambda: not processes_of(folder))


def processes_of(folder: Path) -> list[psutil.Process]:
    """Every living process that names the folder, and the guards with them. A zombie has ended."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        named = any(str(folder) in argument for argument in process.info["cmdline"] or [])
        if named and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def eventually(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < give_up, "it did not come true"
        time.sleep(0.02)


async def test_postgresql_answers_with_the_promised_settings(servers: Servers) -> None:
    servers.create_database("wangge_incident")
    servers.create_database("wangge_incident")
    database = await asyncpg.connect(servers.addresses.database_url("incident"))
    try:
        assert await database.fetchval("SHOW server_version_num") >= "180000"
        assert await database.fetchval("SHOW listen_addresses") == "127.0.0.1"
        assert await database.fetchval("SHOW unix_socket_directories") == ""
        assert await database.fetchval("SHOW timezone") == "UTC"
        assert await database.fetchval("SHOW server_encoding") == "UTF8"
        assert await database.fetchval("SHOW max_connections") == "200"
    finally:
        await database.close()


async def test_nats_answers_with_jetstream(servers: Servers) -> None:
    broker = await nats.connect(servers.addresses.nats_url)
    try:
        assert broker.max_payload == 1024 * 1024
        assert (await broker.jetstream().account_info()).streams == 0
    finally:
        await broker.close()


async def test_killed_servers_start_again_on_the_same_ports_with_their_data(servers: Servers) -> None:
    before = servers.addresses
    servers.create_database("wangge_kept")
    database = await asyncpg.connect(before.database_url("kept"))
    await database.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
    await database.close()
    broker = await nats.connect(before.nats_url)
    await broker.jetstream().add_stream(name="KEPT", subjects=["kept"])
    await broker.jetstream().publish("kept", b"7")
    await broker.close()

    for server in (servers.nats, servers.postgres):
        killed = server.pid
        server.kill()
        assert not server.running
        server.start()
        assert server.pid != killed

    assert servers.addresses == before
    database = await asyncpg.connect(before.database_url("kept"))
    assert await database.fetchval("SELECT n FROM kept") == 7
    await database.close()
    broker = await nats.connect(before.nats_url)
    assert (await broker.jetstream().get_msg("KEPT", 1)).data == b"7"
    await broker.close()


def test_a_server_killed_from_outside_can_be_started_at_once(servers: Servers) -> None:
    os.kill(servers.postgres.pid, signal.SIGKILL)
    servers.postgres.wait(30)
    servers.postgres.start()
    servers.create_database("wangge_again")


def test_a_server_whose_guard_was_killed_is_replaced(servers: Servers) -> None:
    orphan = psutil.Process(servers.nats.pid)
    parent = orphan.parent()
    assert parent is not None
    parent.kill()
    eventually(lambda: not servers.nats.running)
    servers.nats.start()
    assert servers.nats.pid != orphan.pid
    eventually(lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE)


def test_the_end_of_the_block_stops_both_and_forces_the_data_out(folder: Path) -> None:
    with Servers(folder) as servers:
        assert "sync_interval: always" in (folder / "nats.conf").read_text()
        assert len(processes_of(folder)) >= 4
        guarded = [servers.nats, servers.postgres]
    assert not any(server.running for server in guarded)
    assert processes_of(folder) == []
    assert "database system is shut down" in servers.postgres.log_tail()


def test_a_run_killed_with_sigkill_leaves_no_process_and_a_usable_folder(
    folder: Path, other_run: subprocess.Popen[bytes]
) -> None:
    other_run.kill()
    other_run.wait()
    eventually(lambda: not processes_of(folder))
    with Servers(folder / "data", durable=False) as servers:
        servers.create_database("wangge_incident")


def test_a_new_run_right_after_a_killed_one_waits_for_its_servers(
    folder: Path, other_run: subprocess.Popen[bytes]
) -> None:
    other_run.kill()
    other_run.wait()
    with Servers(folder / "data", durable=False) as servers:
        servers.create_database("wangge_incident")


def test_a_new_run_ends_servers_that_outlived_their_guards(folder: Path, other_run: subprocess.Popen[bytes]) -> None:
    orphans = [process for process in processes_of(folder) if process.pid != other_run.pid]
    guards = [process for process in orphans if process.ppid() == other_run.pid]
    other_run.send_signal(signal.SIGSTOP)
    for process in guards:
        process.kill()
    other_run.kill()
    other_run.wait()
    assert len(processes_of(folder)) >= 2
    with Servers(folder / "data", durable=False) as servers:
        servers.create_database("wangge_incident")
        survivors = {process.pid for process in orphans} & {p.pid for p in processes_of(folder)}
    assert survivors == set()


def test_ctrl_c_in_the_terminal_stops_in_order(folder: Path, other_run: subprocess.Popen[bytes]) -> None:
    os.killpg(other_run.pid, signal.SIGINT)
    assert other_run.wait(30) == 0
    assert processes_of(folder) == []
    assert "database system is shut down" in (folder / "data" / "postgres.log").read_text()


def test_a_second_run_on_the_folder_is_told_who_uses_it(servers: Servers) -> None:
    with pytest.raises(LocalServerFailure, match=f"process {os.getpid()}, is using"):
        Servers(servers.folder).__enter__()
    servers.create_database("wangge_undisturbed")


@pytest.mark.parametrize("wanted_for", ["nats_port", "postgres_port"])
def test_a_taken_port_is_named(folder: Path, wanted_for: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(LocalServerFailure, match=rf"Port {port}, wanted for .* is taken"):
            Servers(folder, durable=False, **{wanted_for: port}).__enter__()
    assert processes_of(folder) == []


def test_given_ports_are_used(folder: Path) -> None:
    nats_port, postgres_port = free_port(), free_port()
    with Servers(folder, nats_port=nats_port, postgres_port=postgres_port, durable=False) as servers:
        assert servers.addresses == Addresses(f"nats://127.0.0.1:{nats_port}", postgres_port)


def test_a_server_that_dies_at_start_shows_the_end_of_its_log(folder: Path) -> None:
    with Servers(folder, durable=False):
        pass
    with (folder / "postgres" / "postgresql.conf").open("a") as settings:
        settings.write("\nno_such_setting = 1\n")
    with pytest.raises(LocalServerFailure, match=r"(?s)PostgreSQL did not start.*no_such_setting"):
        Servers(folder, durable=False).__enter__()
    assert processes_of(folder) == []


def test_a_full_disk_is_named_before_anything_starts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "MIN_FREE_BYTES", 10**18)
    with pytest.raises(LocalServerFailure, match="MB left"):
        Servers(folder).__enter__()


def test_a_folder_that_cannot_be_made_is_named(folder: Path) -> None:
    (folder / "file").write_text("")
    with pytest.raises(LocalServerFailure, match="cannot be used"):
        Servers(folder / "file" / "data").__enter__()


def test_data_of_another_postgresql_is_left_alone(folder: Path) -> None:
    (folder / "postgres").mkdir()
    (folder / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(LocalServerFailure, match="PostgreSQL 16"):
        Servers(folder).__enter__()


def test_any_command_is_guarded_with_what_it_started(folder: Path) -> None:
    mark = f"guarded-{os.getpid()}"
    stubborn = f"trap '' TERM; sleep 600 & echo {mark} $GREETING; while :; do sleep 1; done"
    command = spawn_guarded(
        ["sh", "-c", stubborn, str(folder)],
        cwd=folder,
        env=os.environ | {"GREETING": "hello"},
        log=folder / "log",
        grace_seconds=0.2,
    )
    eventually(lambda: command.log_tail() == f"{mark} hello")
    children = psutil.Process(command.pid).children(recursive=True)
    assert children
    command.stop()
    assert not command.running
    assert command.wait() == 128 + signal.SIGKILL
    eventually(lambda: not any(c.is_running() and c.status() != psutil.STATUS_ZOMBIE for c in children))


def test_a_command_that_does_not_exist_ends_and_says_so(folder: Path) -> None:
    command = spawn_guarded(["no-such-command"], cwd=folder, env=os.environ, log=folder / "log")
    assert command.wait(30) == 127
    assert "no-such-command" in command.log_tail()
    command.stop()
