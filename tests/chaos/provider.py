"""A provider of notifications as they are in the world: an HTTP server that takes calls in the mood that it is in.

`python -m tests.chaos.provider <port> <log> <mood file>`. The moods: `200`, `429`, `500`, `hung` (it does not answer),
`lost` (it does the work, and the answer is lost). Every call is a line of JSON in the log before it is answered.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from deploy.local.servers.guarded_process import Process

MOODS = ("429", "500", "hung", "lost")
WELL = "200"
HANGS_SECONDS = 30.0
KEY = b"wangge-delivery"
ANSWERS = {
    "200": b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    "429": b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n",
    "500": b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n",
}


class Provider(Process):
    """The provider's process. Its mood is kept in a file, so that it has it again after a restart."""

    def __init__(self, port: int, provider_log: Path, *, cwd: Path, log: Path) -> None:
        self._mood = provider_log.with_suffix(".mood")
        self._port = port
        command = [sys.executable, "-m", "tests.chaos.provider", str(port), str(provider_log), str(self._mood)]
        super().__init__(command, cwd=cwd, env={}, log=log)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/told"

    def answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1):
            return True
        return False

    def put_in(self, mood: str) -> None:
        self._mood.write_text(mood)


async def run(port: int, log_file: Path, mood_file: Path) -> None:
    log = log_file.open("a", encoding="utf-8", buffering=1)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A caller that has given up, or was killed, in the middle of a call.
        with suppress(OSError, asyncio.IncompleteReadError):
            while call := await _call(reader):
                address, key = call
                mood = _mood(mood_file)
                line = {
                    "at": time.time(),
                    "key": key,
                    "address": address,
                    "answered": int(mood) if mood.isdigit() else mood,
                }
                log.write(json.dumps(line) + "\n")
                if mood == "lost":
                    break
                if mood == "hung":
                    await asyncio.sleep(HANGS_SECONDS)
                    break
                writer.write(ANSWERS[mood])
                await writer.drain()
        writer.close()

    async with await asyncio.start_server(connected, "127.0.0.1", port, backlog=1024) as server:
        await server.serve_forever()


def _mood(file: Path) -> str:
    return (file.read_text() if file.exists() else "") or WELL


async def _call(reader: asyncio.StreamReader) -> tuple[str, str] | None:
    """The address that was called and the id of the delivery; None when the caller has hung up."""
    begin = await reader.readline()
    if not begin:
        return None
    headers: dict[bytes, bytes] = {}
    while line := (await reader.readline()).strip():
        name, _, value = line.partition(b":")
        headers[name.strip().lower()] = value.strip()
    await reader.readexactly(int(headers.get(b"content-length", b"0")))
    return begin.split()[1].decode(), headers.get(KEY, b"").decode()


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])))
