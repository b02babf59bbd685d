"""Everything that one run of chaos needs, in one folder: the whole system in copies, with a proxy on every wire."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from deploy.local.linghe import street
from deploy.local.servers.guarded_process import Process
from deploy.local.servers.machine import free_port, hold
from deploy.local.servers.nats_and_postgres import Servers
from deploy.local.servers.nats_server import STORE, Nats, Node
from deploy.local.system import ROOT, TENANT, LocalSystem, Say, ServiceProcess, clock_that_shows, empty
from libs.contracts.services import SERVICES
from tests.chaos.parts import CLIENTS, NODES, POSTGRES, replicas, service_of
from tests.chaos.provider import Provider
from tests.chaos.proxy import Link, Proxy
from tests.support.volumes import Volume, why_not

P = TypeVar("P", bound=Process)
T = TypeVar("T")

SPEED = 360.0
EVERY_WRITE_NEEDS_ROOM = {"wal_init_zero": "off", "wal_recycle": "off", "max_wal_size": "256MB"}
"""PostgreSQL usually writes its log into files that it has made beforehand, and would notice a full disk late."""
HANDS = 16
VOLUME = "volume"
SETTING_UP = timedelta(seconds=60)
MORNING = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
"""A Monday, 8:00 in the street."""
SETTINGS = {
    "WANGGE_SWEEP_SECONDS": "0.25",
    "WANGGE_DRAIN_SECONDS": "0.5",
    "WANGGE_PROVIDER_TIMEOUT_SECONDS": "3",
    "WANGGE_STREAM_REPLICAS": "3",
}


def clear(folder: Path) -> None:
    """Removes an earlier run. Raises LocalServerFailure while it goes on."""
    folder.mkdir(parents=True, exist_ok=True)
    with hold(folder):
        for place in (*(folder / node / STORE for node in NODES), folder / VOLUME):
            Volume(place).unmount()
    empty(folder)


class World:
    """The street with a NATS cluster of three and every service in two processes, for one `with`."""

    def __init__(self, folder: Path, *, settings: Mapping[str, str] | None = None, say: Say = lambda _: None) -> None:
        self.folder = folder.resolve()
        self.tenant = TENANT
        self.street = street.build()
        self.clock = clock_that_shows(MORNING, datetime.now(UTC) + SETTING_UP, SPEED)
        self.journal = self.folder / "journal"
        self.provider_log = self.folder / "provider.jsonl"
        self.volumes: dict[str, Volume] = {}
        """Of each node and of PostgreSQL; none where volumes cannot be mounted."""
        self.why_no_volumes: str | None = None
        self._hands = ThreadPoolExecutor(HANDS)
        self._settings, self._say = {**SETTINGS, **(settings or {})}, say
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as running:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.journal.mkdir(exist_ok=True)
            self._define_volumes(running)
            self._define()
            running.callback(self._hands.shutdown)
            for process in (self.proxy, self.provider):
                running.callback(process.stop)
                process.start()
            running.enter_context(self.local)
            self._running = running.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._running.close()

    @property
    def urls(self) -> dict[str, list[str]]:
        """Where clients find the processes of each service, through the proxies."""
        found: dict[str, list[str]] = {service: [] for service in SERVICES}
        for replica in replicas():
            found[service_of(replica)].append(f"http://127.0.0.1:{self._port_of(CLIENTS, replica)}")
        return found

    @property
    def nats_url(self) -> str:
        return self.nats_url_of(CLIENTS)

    @property
    def nats_direct_url(self) -> str:
        return self.local.servers.addresses.nats_url

    @property
    def webhook_url(self) -> str:
        """Where recipients are told by webhook: at the provider, whose moods change."""
        return self.provider.url

    @property
    def sealing_key(self) -> str:
        return self.local.environment["WANGGE_NOTIFY_PUBLIC_KEY"]

    def database_url(self, service: str) -> str:
        return self.local.database_url(service)

    def nats_url_of(self, who: str) -> str:
        return ",".join(f"nats://127.0.0.1:{self._port_of(who, node)}" for node in NODES)

    def database_url_of(self, replica: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._port_of(replica, POSTGRES)}/wangge_{service_of(replica)}"

    def links(self, one: str, other: str = "") -> list[str]:
        """The names of the links between parts whose names begin so; without `other` all from and to the one."""
        ends = {name: name.split("→") for name in self.proxy.links}
        return [
            name
            for name, (here, there) in ends.items()
            if (here.startswith(one) and there.startswith(other)) or (there.startswith(one) and here.startswith(other))
        ]

    def process(self, part: str) -> Process:
        """The process of a replica, a node or PostgreSQL."""
        servers = self.local.servers
        nodes = {node.node.name: node for node in servers.nodes if node.node}
        everything: dict[str, Process] = {**self.local.services, **nodes, POSTGRES: servers.postgres}
        return everything[part]

    def node(self, part: str) -> Nats:
        process = self.process(part)
        assert isinstance(process, Nats)
        return process

    @property
    def nodes(self) -> list[Nats]:
        return [self.node(part) for part in NODES]

    async def each(self, do: Callable[[P], T], parts: Iterable[P]) -> list[T]:
        """To all of them at the same time, in threads: to start or end a process takes seconds."""
        loop = asyncio.get_running_loop()
        return await asyncio.gather(*(loop.run_in_executor(self._hands, do, part) for part in parts))

    def clock_file(self, replica: str) -> Path:
        """Holds the seconds by which the clock of a replica is wrong."""
        return self.folder / f"{replica}.clock"

    def _port_of(self, one: str, other: str) -> int:
        return self.proxy.links[f"{one}→{other}"].listen_port

    def _define_volumes(self, running: ExitStack) -> None:
        self.why_no_volumes = why_not(self.folder)
        if self.why_no_volumes is not None:
            return
        places = {**{node: self.folder / node / STORE for node in NODES}, POSTGRES: self.folder / VOLUME}
        for part, place in places.items():
            self.volumes[part] = Volume(place)
            running.callback(self.volumes[part].unmount)
            self.volumes[part].mount()

    def _define(self) -> None:
        http = {replica: free_port() for replica in replicas()}
        clients = {node: free_port() for node in NODES}
        routes = {node: free_port() for node in NODES}
        postgres = free_port()
        links = [Link(f"{CLIENTS}→{replica}", free_port(), port) for replica, port in http.items()]
        for who in (*http, CLIENTS):
            links += [Link(f"{who}→{node}", free_port(), clients[node]) for node in NODES]
        links += [Link(f"{replica}→{POSTGRES}", free_port(), postgres) for replica in http]
        links += [Link(f"{one}→{other}", free_port(), routes[other]) for one, other in permutations(NODES, 2)]
        self.proxy = Proxy(links, free_port(), cwd=ROOT, log=self.folder / "proxy.log")
        self.provider = Provider(free_port(), self.provider_log, cwd=ROOT, log=self.folder / "provider.log")
        cluster = [
            Node(
                node,
                clients[node],
                routes[node],
                monitor_port=free_port(),
                looks_at=tuple(self._port_of(node, other) for other in NODES if other != node),
            )
            for node in NODES
        ]
        servers = Servers(
            self.folder,
            postgres_port=postgres,
            # What no kill shows, since the system keeps what a dead process wrote.
            durable=False,
            cluster=cluster,
            postgres_settings=EVERY_WRITE_NEEDS_ROOM,
            postgres_data=self.folder / VOLUME / POSTGRES if self.volumes else None,
        )
        self.local = _Street(self, servers, http, self._settings, self._say)


class _Street(LocalSystem):
    """The local street with each service in several processes, which reach the others through proxies."""

    def __init__(
        self, world: World, servers: Servers, ports: Mapping[str, int], settings: Mapping[str, str], say: Say
    ) -> None:
        super().__init__(world.folder, clock=world.clock, servers=servers, settings=settings, say=say)
        self._world, self._ports = world, ports

    def define_services(self) -> None:
        super().define_services()
        self.services = {replica: self._process(replica, port) for replica, port in self._ports.items()}

    def _process(self, replica: str, port: int) -> ServiceProcess:
        service, world = service_of(replica), self._world
        environment = {
            **self.environment,
            f"WANGGE_{service.upper()}_DATABASE_URL": world.database_url_of(replica),
            "WANGGE_NATS_URL": world.nats_url_of(replica),
        }
        log = self.folder / "log" / f"{replica}.jsonl"
        command = [sys.executable, "-m", "tests.chaos.replica", service, str(world.clock_file(replica))]
        return ServiceProcess(service, port, environment, log, command)
