"""The real NATS server as a process, alone or as one node of a cluster."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from deploy.local.servers.server import Server, end_orphan, environment, quoted

CLUSTER = "wangge"
STORE = "nats"
UNREACHABLE = "127.0.0.1:1"


@dataclass(frozen=True, slots=True)
class Node:
    """One server of a cluster: its ports, and the ports at which it looks for the others.

    Nodes and clients are told no addresses but those that are written in their settings, so that whoever writes them
    decides which way every connection takes.
    """

    name: str
    port: int
    route_port: int
    monitor_port: int
    looks_at: tuple[int, ...]


class Nats(Server):
    """A NATS server with JetStream."""

    def __init__(self, folder: Path, binary: Path, *, durable: bool, node: Node | None = None) -> None:
        folder = folder / node.name if node else folder
        super().__init__([], cwd=folder, env=environment(), log=folder / "nats.log", grace_seconds=10)
        self.name = f"NATS node {node.name}" if node else "NATS"
        self.node = node
        self._config = folder / "nats.conf"
        self._binary, self._durable = binary, durable

    @property
    def store(self) -> Path:
        """Where JetStream keeps its streams."""
        return self.cwd / STORE

    def listen_on(self, port: int) -> None:
        self.port = port
        self.cwd.mkdir(exist_ok=True)
        # By default JetStream acknowledges a message up to two minutes before it is forced to the disk.
        sync = "\n  sync_interval: always" if self._durable else ""
        self._config.write_text(
            f"server_name: {self.node.name if self.node else 'wangge'}\n"
            f"listen: 127.0.0.1:{port}\nmax_payload: 1MB\n"
            f"pid_file: {quoted(self.cwd / 'nats.pid')}\n"
            f"jetstream {{\n  store_dir: {quoted(self.store)}{sync}\n}}\n{self._cluster()}",
            encoding="utf-8",
        )
        self.command = [str(self._binary), "-c", str(self._config)]

    def _cluster(self) -> str:
        if self.node is None:
            return ""
        routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in self.node.looks_at)
        return (
            f"http: 127.0.0.1:{self.node.monitor_port}\n"
            f"cluster {{\n  name: {CLUSTER}\n  listen: 127.0.0.1:{self.node.route_port}\n"
            f'  no_advertise: true\n  advertise: "{UNREACHABLE}"\n  pool_size: -1\n  routes: [{routes}]\n}}\n'
        )

    def answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as wire:
            return wire.recv(5) == b"INFO "
        return False

    def has_joined(self) -> bool:
        """Whether the node has JetStream, and follows the leader of the cluster."""
        return self.serves() and self._says_healthy("js-server-only")

    def serves(self) -> bool:
        """Whether the node has JetStream. It gives it up for good, until it is started again, when a write finds no
        room; `js-server-only` does not see that, so a probe has to ask this."""
        return self._says_healthy("js-enabled-only")

    def _says_healthy(self, about: str) -> bool:
        assert self.node is not None
        with suppress(URLError, OSError):
            url = f"http://127.0.0.1:{self.node.monitor_port}/healthz?{about}=true"
            with urlopen(url, timeout=2) as answer:
                return bool(answer.status == 200)
        return False

    def end_orphan(self) -> None:
        end_orphan(self.cwd / "nats.pid", str(self._config), self.stop_signal)
