"""`make run` as a process of its own: how it begins, and that it leaves nothing behind however it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from deploy.local.servers.machine import hold
from deploy.local.system import ROOT, keys

PATIENCE_SECONDS = 120


class Run:
    """One run, and every process that it has started so far."""

    def __init__(self, folder: Path, what: str = "run") -> None:
        self.folder = folder
        self._output = folder / "output"
        with self._output.open("wb") as output:
            self.process = start(folder, output.fileno(), what)

    @property
    def output(self) -> str:
        return self._output.read_text(encoding="utf-8")

    def wait_until_open(self) -> None:
        self.wait_for("Ctrl-C ends everything")

    def wait_for(self, said: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while said not in self.output:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.05)

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def service(self, name: str) -> psutil.Process:
        """The service itself, which its guard has started."""
        return next(p for p in self.descendants() if p.cmdline()[1:] == ["-m", "wangge", "serve", name])


def start(folder: Path, output: int, what: str = "run") -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "deploy.local", what]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
    )


@pytest.fixture
def run() -> Iterator[Run]:
    with tempfile.TemporaryDirectory() as folder, ended(Run(Path(folder))) as running:
        running.wait_until_open()
        yield running


@contextmanager
def ended(running: Run) -> Iterator[Run]:
    try:
        yield running
    finally:
        with suppress(ProcessLookupError):
            os.kill(running.process.pid, signal.SIGTERM)
        running.process.wait(PATIENCE_SECONDS)


def test_ctrl_c_ends_everything_and_frees_the_folder(run: Run) -> None:
    started = run.descendants()
    assert len(started) >= 12  # six guards, and what they guard
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(PATIENCE_SECONDS) == 0
    assert "Stopped." in run.output
    assert psutil.wait_procs(started, timeout=5)[1] == []
    with hold(run.folder / ".wangge"):
        pass


def test_a_second_ctrl_c_ends_it_at_once_and_leaves_nothing_behind_either(run: Run) -> None:
    started = run.descendants()
    run.process.send_signal(signal.SIGINT)
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(PATIENCE_SECONDS) in (0, 128 + signal.SIGINT)
    assert psutil.wait_procs(started, timeout=5)[1] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("after", ["", "A morning of"])
def test_a_demonstration_ends_by_any_of_them_at_any_moment(number: signal.Signals, after: str) -> None:
    with tempfile.TemporaryDirectory() as folder, ended(Run(Path(folder), "demo")) as running:
        running.wait_for(after)
        time.sleep(0.3)
        started = running.descendants()
        running.process.send_signal(number)
        assert running.process.wait(PATIENCE_SECONDS) == 130, running.output
        assert "Traceback" not in running.output
        assert psutil.wait_procs(started, timeout=5)[1] == []


def test_a_taken_port_is_told_and_wangge_works_beside_the_run() -> None:
    with ExitStack() as taken, tempfile.TemporaryDirectory() as folder:
        for port in (4222, 8001):
            with suppress(OSError):  # somebody else has it, which is as good
                taken.enter_context(socket.create_server(("127.0.0.1", port)))
        with ended(Run(Path(folder))) as running:
            running.wait_until_open()
            assert "Port 4222 is taken by another program: NATS listens on" in running.output
            assert "Port 8001 is taken by another program: dispatch listens on" in running.output
            for command in ("dlq list", "topology apply"):
                beside = f'. .wangge/env && test -n "$INCIDENT_URL$DISPATCH_URL" && exec wangge {command}'
                assert subprocess.run(["sh", "-c", beside], cwd=folder, check=False).returncode == 0
        assert not (Path(folder) / ".wangge" / "env").exists()


def test_a_second_run_in_the_same_folder_is_refused_in_a_sentence(run: Run) -> None:
    with tempfile.TemporaryFile() as output:
        second = start(run.folder, output.fileno())
        assert second.wait(PATIENCE_SECONDS) == 1
        output.seek(0)
        said = output.read().decode()
    assert f"Another run, process {run.process.pid}, is using" in said
    assert "Traceback" not in said
    assert run.process.poll() is None


def test_a_service_that_dies_ends_the_run_and_is_named(run: Run) -> None:
    started = run.descendants()
    run.service("scoring").kill()
    assert run.process.wait(PATIENCE_SECONDS) == 1
    assert "scoring has ended, so everything was stopped" in run.output
    assert "Traceback" not in run.output
    assert psutil.wait_procs(started, timeout=5)[1] == []


def test_keys_are_kept_and_only_their_owner_may_read_them(tmp_path: Path) -> None:
    made = keys(tmp_path / "keys.env")
    assert keys(tmp_path / "keys.env") == made
    assert (tmp_path / "keys.env").stat().st_mode & 0o777 == 0o600
