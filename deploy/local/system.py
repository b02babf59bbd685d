"""The whole system in one folder: both servers, a mail sink, and the four services as guarded processes."""

from __future__ import annotations

import asyncio
import csv
import http.client
import os
import shlex
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from sqlalchemy import text

from deploy.local.linghe import street
from deploy.local.servers.guarded_process import EndedAtStart, Process
from deploy.local.servers.machine import LocalServerFailure, explained_system_errors, hold, usual_port
from deploy.local.servers.mail_sink import MailSink
from deploy.local.servers.nats_and_postgres import CLUSTER_SECONDS, USUAL_PORTS, Servers
from deploy.local.servers.server import Server
from libs import sealing
from libs.chassis.clock import Clock
from libs.chassis.db import migrations
from libs.chassis.db.database import connect, transaction
from libs.chassis.messaging import topology
from libs.chassis.messaging.jetstream_api import ApiError
from libs.contracts.services import SERVICES
from services.dispatch.roster import importing as roster
from wangge.wiring import handled

ROOT = Path(__file__).resolve().parents[2]
TENANT = "370784004"
FIRST_PORT = 8000
GRACE_SECONDS = 25.0

Say = Callable[[str], None]


class ServiceProcess(Process):
    """One process of a service. `start()` after `kill()` runs it again, at the same address."""

    def __init__(
        self, name: str, port: int, env: Mapping[str, str], log: Path, command: Sequence[str] | None = None
    ) -> None:
        super().__init__(
            command or [sys.executable, "-m", "wangge", "serve", name],
            cwd=ROOT,
            env={**env, "WANGGE_HTTP_PORT": str(port)},
            log=log,
            grace_seconds=GRACE_SECONDS,
        )
        self.name, self.port = name, port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        with suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=3)
            connection.request("GET", "/ready")
            return connection.getresponse().status == 200
        return False


class LocalSystem:
    """The demonstration street with everything it runs on, from `with` to the end of the block.

    A folder that was used before goes on with its data. `.services["dispatch"].kill()` and `.start()`,
    `.servers.postgres.kill()` and the like are there for tests of failures. `.services` may be given other processes,
    such as several of one service, by whoever overrides `define_services`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        durable: bool = True,
        clock: Clock | None = None,
        usual_ports: bool = False,
        settings: Mapping[str, str] | None = None,
        servers: Servers | None = None,
        say: Say = lambda sentence: None,
    ) -> None:
        """`settings` are environment variables for the services; `usual_ports` prefers 4222, 5432, 8000 and
        those after it, and says where one of them is taken."""
        self.folder = folder.resolve()
        self.clock = clock or Clock()
        self.servers = servers or Servers(folder, usual_ports=usual_ports, durable=durable)
        self.mail = MailSink(self.folder / "mail")
        self.services: dict[str, ServiceProcess] = {}
        self.environment: dict[str, str] = {}
        self._settings, self._usual_ports, self._say = dict(settings or {}), usual_ports, say
        self._running = ExitStack()

    @property
    def urls(self) -> dict[str, str]:
        """The address of the first process of each service."""
        return {process.name: process.url for process in reversed(self.services.values())}

    def database_url(self, service: str) -> str:
        return self.servers.addresses.database_url(service)

    def __enter__(self) -> Self:
        with ExitStack() as running:
            self._say("Starting NATS and PostgreSQL …")
            running.enter_context(self.servers)
            with explained_system_errors(self.folder):
                running.enter_context(self.mail)
                self.define_services()
                self._write_env()
            running.callback(self._stop_services)
            self._tell_unusual_ports()
            running.callback(self.env_file.unlink, missing_ok=True)
            self._say("Making the databases and the streams …")
            asyncio.run(self._prepare())
            for service in self.services.values():
                service.spawn()
            self._say("Importing the street …")
            asyncio.run(self._import_street())
            self._say("Waiting for the four services …")
            for service in self.services.values():
                self._wait_for(service)
            self._wait_until_categories_are_known()
            self._running = running.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._running.close()

    def first_dead(self) -> Process | None:
        """A server or service that has ended, though nobody asked it to."""
        everything: list[Process] = [*self.services.values(), *self.servers.nodes, self.servers.postgres]
        return next((process for process in everything if not process.running), None)

    def define_services(self) -> None:
        log = self.folder / "log"
        log.mkdir(exist_ok=True)
        ports = {name: self._port(number) for number, name in enumerate(SERVICES)}
        self.environment = {
            **os.environ,
            **keys(self.folder / "keys.env"),
            **{f"WANGGE_{name.upper()}_DATABASE_URL": self.database_url(name) for name in SERVICES},
            "WANGGE_NATS_URL": self.servers.addresses.nats_url,
            "WANGGE_HTTP_HOST": "127.0.0.1",
            "WANGGE_PUBLIC_URL": f"http://127.0.0.1:{ports['incident']}",
            "WANGGE_SMTP_URL": self.mail.url,
            "WANGGE_WEBHOOK_ADDRESSES": "loopback",
            "WANGGE_CLOCK_SPEED": str(self.clock.speed),
            "WANGGE_CLOCK_EPOCH": self.clock.epoch.isoformat(),
            **self._settings,
        }
        self.services = {
            name: ServiceProcess(name, ports[name], self.environment, log / f"{name}.jsonl") for name in SERVICES
        }

    def _port(self, number: int) -> int:
        return usual_port(FIRST_PORT + number if self._usual_ports else None)

    def _tell_unusual_ports(self) -> None:
        if not self._usual_ports:
            return
        usual = {name: FIRST_PORT + number for number, name in enumerate(SERVICES)} | USUAL_PORTS
        started: list[Server | ServiceProcess] = [self.servers.nats, self.servers.postgres, *self.services.values()]
        for each in started:
            if each.port != usual[each.name]:
                self._say(f"Port {usual[each.name]} is taken by another program: {each.name} listens on {each.port}.")

    @property
    def env_file(self) -> Path:
        """The addresses and where `wangge` is, as a file that a shell can read; there as long as it runs."""
        return self.folder / "env"

    def _write_env(self) -> None:
        names = [f"WANGGE_{name.upper()}_DATABASE_URL" for name in SERVICES]
        names += ["WANGGE_NATS_URL", "WANGGE_NOTIFY_PUBLIC_KEY", "WANGGE_PUBLIC_URL"]
        told = {name: self.environment[name] for name in names}
        told["NATS_URL"] = self.environment["WANGGE_NATS_URL"]
        told |= {f"{name.upper()}_URL": url for name, url in self.urls.items()}
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in told.items()]
        lines.append(f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"\n')
        self.env_file.write_text("".join(lines), encoding="utf-8")

    async def _prepare(self) -> None:
        for name in SERVICES:
            self.servers.create_database(f"wangge_{name}")
            # One after the other: Alembic keeps the migration that runs in a variable of its module.
            await migrations.migrate(self.database_url(name), name)
        await self._apply_topology()

    async def _apply_topology(self) -> None:
        """A cluster that has just come together may not know yet where to put copies."""
        give_up = time.monotonic() + CLUSTER_SECONDS
        while True:
            try:
                await topology.apply(
                    self.servers.addresses.nats_url,
                    handled(),
                    stream_replicas=len(self.servers.nodes),
                    service_replicas=max(Counter(process.name for process in self.services.values()).values()),
                )
            except ApiError:
                if len(self.servers.nodes) == 1 or time.monotonic() > give_up:
                    raise
                await asyncio.sleep(0.2)
            else:
                return

    async def _import_street(self) -> None:
        """The demonstration street, into databases that know no street yet."""
        engine = connect(self.database_url("dispatch"), pool_size=1, idle_in_transaction_seconds=0)
        public_key = self.environment["WANGGE_NOTIFY_PUBLIC_KEY"]
        try:
            async with transaction(engine) as db:
                if await db.one(text("SELECT 1 FROM streets WHERE tenant = :t"), {"t": TENANT}) is None:
                    folder = self.folder / "roster"
                    street.write(street.build(), folder)
                    wanted = roster.read(folder, TENANT, public_key)
                    await roster.import_roster(db, wanted, sealing.Sealer(public_key), self.clock.now())
        finally:
            await engine.close()

    def _wait_for(self, service: ServiceProcess) -> None:
        try:
            service.wait_until_answering(60)
        except EndedAtStart as ended:
            raise LocalServerFailure(
                f"{service.name} did not start. The end of its log, {service.log}:\n{last_lines(str(ended))}"
            ) from None

    def _wait_until_categories_are_known(self) -> None:
        """Incident learns them from dispatch's facts; a report that came before would be of an unknown category."""
        with street.RESPONSIBILITY.open(encoding="utf-8") as file:
            rows = sum(1 for _ in csv.DictReader(file))
        give_up = time.monotonic() + 60
        url = f"{self.urls['incident']}/v1/categories"
        while (known := httpx.get(url, params={"tenant": TENANT})).status_code == 404 or len(known.json()) < rows:
            if time.monotonic() > give_up:
                raise LocalServerFailure(
                    f"The {rows} categories did not reach incident. See the logs in {self.folder}."
                )
            time.sleep(0.05)

    def _stop_services(self) -> None:
        with ThreadPoolExecutor(len(self.services)) as pool:
            list(pool.map(Process.stop, self.services.values()))


def last_lines(text: str, count: int = 15) -> str:
    return "\n".join(text.splitlines()[-count:])


def keys(path: Path) -> dict[str, str]:
    """Notify's key pair for sealed contacts, made at the first start; only the owner may read the file."""
    if not path.exists():
        private, public = sealing.new_key_pair()
        fresh = path.with_suffix(".new")
        with suppress(FileNotFoundError):
            fresh.unlink()
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(f"WANGGE_NOTIFY_PRIVATE_KEY={private}\nWANGGE_NOTIFY_PUBLIC_KEY={public}\n")
        fresh.rename(path)
    lines = path.read_text(encoding="ascii").splitlines()
    return dict(line.split("=", 1) for line in lines)


def empty(folder: Path) -> None:
    """Deletes what an earlier run left in its folder. Raises LocalServerFailure while that run goes on."""
    with explained_system_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with hold(folder):
            earlier = Servers(folder)
            earlier.nats.end_orphan()
            earlier.postgres.end_orphan()
            for each in folder.iterdir():
                if each.is_dir():
                    shutil.rmtree(each)
                elif each.name != "lock":
                    each.unlink()


def clock_that_shows(domain_time: datetime, at: datetime, speed: float) -> Clock:
    """A clock of that speed which will show `domain_time` when the real time is `at`."""
    epoch = at - (domain_time - at) / (speed - 1)
    return Clock(epoch, speed)
