"""The embedded default: a real NATS server and a real PostgreSQL from wheels, guarded, on loopback only."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local.servers.guarded_process import EndedAtStart
from deploy.local.servers.machine import (
    LocalServerFailure,
    explained_system_errors,
    hold,
    is_free,
    refuse_full_disk,
    usual_port,
)
from deploy.local.servers.nats_server import Nats, Node
from deploy.local.servers.postgres_server import Postgres, postgres_user
from deploy.local.servers.server import Server, explained, find_binaries

CLUSTER_SECONDS = 60.0
USUAL_PORTS = {"NATS": 4222, "PostgreSQL": 5432}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the running servers answer."""

    nats_url: str
    postgres_port: int

    def database_url(self, service: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.postgres_port}/wangge_{service}"

    @property
    def admin_url(self) -> str:
        """Of the database in which others are made and dropped."""
        return f"postgresql://postgres@127.0.0.1:{self.postgres_port}/admin"


class Servers:
    """Both servers on the data of one folder, for one `with`. Ports that are not given are chosen."""

    def __init__(
        self,
        folder: Path,
        *,
        nats_port: int | None = None,
        postgres_port: int | None = None,
        usual_ports: bool = False,
        durable: bool = True,
        cluster: Sequence[Node] = (),
        postgres_data: Path | None = None,
        postgres_settings: Mapping[str, object] | None = None,
    ) -> None:
        """`durable=False` is for servers that are thrown away: nothing is forced to the disk. `usual_ports`: where
        no port is given, the one that everybody knows, as long as it is free.

        With `cluster` NATS is these nodes, at their ports, instead of one server.
        """
        self.folder = folder.resolve()
        binary, postgres_binaries = find_binaries()
        user = postgres_user(postgres_data or self.folder / "postgres")
        self.nodes = [Nats(self.folder, binary, durable=durable, node=node) for node in cluster or (None,)]
        self.postgres = Postgres(
            self.folder,
            postgres_binaries,
            user=user,
            durable=durable,
            data=postgres_data,
            settings=postgres_settings,
        )
        self._wanted_ports = {node.name: node.node.port if node.node else nats_port for node in self.nodes}
        self._wanted_ports[self.postgres.name] = postgres_port
        self._usual_ports = USUAL_PORTS if usual_ports else {}
        self._running = ExitStack()

    @property
    def nats(self) -> Nats:
        """The NATS server, the first where there are several."""
        return self.nodes[0]

    @property
    def addresses(self) -> Addresses:
        urls = ",".join(f"nats://127.0.0.1:{node.port}" for node in self.nodes)
        return Addresses(urls, self.postgres.port)

    def __enter__(self) -> Self:
        with ExitStack() as running, explained_system_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            refuse_full_disk(self.folder)
            running.enter_context(hold(self.folder))
            for server in self._all:
                server.end_orphan()
                running.callback(server.stop)
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

    @property
    def _all(self) -> list[Server]:
        return [self.postgres, *self.nodes]

    def _start(self) -> None:
        for server in self._all:
            self._choose_port(server)
        for node in self.nodes:
            node.spawn()
        self.postgres.create_cluster()
        self.postgres.spawn()
        for server in self._all:
            self._wait_for(server)
        give_up = time.monotonic() + CLUSTER_SECONDS
        while not all(node.has_joined() for node in self.nodes if node.node):
            if time.monotonic() > give_up:
                raise LocalServerFailure(f"The NATS cluster did not come together. See the logs in {self.folder}.")
            time.sleep(0.1)

    def _choose_port(self, server: Server) -> None:
        wanted = self._wanted_ports[server.name]
        if wanted is not None and not is_free(wanted):
            raise LocalServerFailure(
                f"Port {wanted}, wanted for {server.name}, is taken by another program. "
                "Stop that program, or give another port, or give none and a free one is chosen."
            )
        server.listen_on(wanted or usual_port(self._usual_ports.get(server.name)))

    def _wait_for(self, server: Server) -> None:
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
