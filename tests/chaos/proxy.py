"""TCP proxies in a process of their own: between any two parts, to slow, hold and cut what they say to each other.

`python -m tests.chaos.proxy <control port> <name>=<port to listen on>:<port to connect to> …`
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import uvloop

from deploy.local.servers.guarded_process import Process

CHUNK_BYTES = 65_536
ABORT = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: the end of a connection is a reset."""


@dataclass(frozen=True, slots=True)
class Link:
    """One way from one part to another, through the proxy."""

    name: str
    listen_port: int
    target_port: int

    def __str__(self) -> str:
        return f"{self.name}={self.listen_port}:{self.target_port}"


class Proxy(Process):
    """The proxy process, and the orders that are given to it."""

    def __init__(self, links: Iterable[Link], control_port: int, *, cwd: Path, log: Path) -> None:
        self.links = {link.name: link for link in links}
        self._control = ("127.0.0.1", control_port)
        command = [sys.executable, "-m", "tests.chaos.proxy", str(control_port), *map(str, self.links.values())]
        super().__init__(command, cwd=cwd, env={}, log=log)

    def answers(self) -> bool:
        with suppress(OSError):
            self._order([], {})
            return True
        return False

    def slow(self, links: Iterable[str], seconds: float) -> None:
        """Everything takes so much longer, each way; 0 ends it."""
        self._order(links, {"delay_seconds": seconds})

    def hold(self, links: Iterable[str]) -> None:
        """Nothing arrives any more, and nobody is told: as when a cable is pulled."""
        self._order(links, {"held": True})

    def release(self, links: Iterable[str]) -> None:
        """Ends a hold. What was held is lost, and with it the connections."""
        self._order(links, {"reset": True, "held": False})

    def reset(self, links: Iterable[str]) -> None:
        """Ends every connection at once; new ones are taken."""
        self._order(links, {"reset": True})

    def _order(self, links: Iterable[str], change: dict[str, object]) -> None:
        """Raises OSError when it was not done: what stays broken would be taken for a fault of the system."""
        with socket.create_connection(self._control, timeout=5) as wire:
            wire.sendall(json.dumps([list(links), change]).encode() + b"\n")
            if wire.recv(2) != b"ok":
                raise ConnectionError(f"The proxy did not do {change}; its log says why.")


class _Way:
    """A link at work."""

    def __init__(self, link: Link) -> None:
        self.delay_seconds = 0.0
        self._link = link
        self._passing = asyncio.Event()
        self._passing.set()
        self._open: set[asyncio.StreamWriter] = set()

    async def listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._connected, "127.0.0.1", self._link.listen_port, backlog=1024)

    def change(self, delay_seconds: float | None = None, held: bool | None = None, reset: bool = False) -> None:
        if delay_seconds is not None:
            self.delay_seconds = delay_seconds
        if reset:
            for writer in list(self._open):
                _abort(writer)
        if held is True:
            self._passing.clear()
        elif held is False:
            self._passing.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pair = [writer]
        self._open.add(writer)
        try:
            await self._passing.wait()
            there, onward = await asyncio.open_connection("127.0.0.1", self._link.target_port)
            pair.append(onward)
            self._open.add(onward)
            both = [
                asyncio.create_task(self._pump(*ends)) for ends in ((reader, onward, writer), (there, writer, onward))
            ]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
        except OSError:
            _abort(writer)
        finally:
            self._open.difference_update(pair)
            for each in pair:
                each.close()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, of_source: asyncio.StreamWriter
    ) -> None:
        """Until the source ends, or either side is reset: then the other is told in the same way."""
        try:
            while chunk := await source.read(CHUNK_BYTES):
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                await self._passing.wait()
                sink.write(chunk)
                await sink.drain()
        except OSError:
            _abort(sink)
            _abort(of_source)


def _abort(writer: asyncio.StreamWriter) -> None:
    # What the other end has reset already is closed, and has no socket any more.
    if not writer.transport.is_closing():
        with suppress(OSError):
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        writer.transport.abort()


async def run(control_port: int, links: Iterable[Link]) -> None:
    ways = {link.name: _Way(link) for link in links}

    async def ordered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        names, change = json.loads(await reader.readline())
        for name in names:
            ways[name].change(**change)
        writer.write(b"ok")
        writer.close()

    servers = [await way.listen() for way in ways.values()]
    servers.append(await asyncio.start_server(ordered, "127.0.0.1", control_port))
    await asyncio.gather(*(server.serve_forever() for server in servers))


def _link(argument: str) -> Link:
    name, _, ports = argument.rpartition("=")
    listen, _, target = ports.partition(":")
    return Link(name, int(listen), int(target))


if __name__ == "__main__":
    uvloop.run(run(int(sys.argv[1]), [_link(argument) for argument in sys.argv[2:]]))
