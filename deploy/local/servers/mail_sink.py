"""A mail server on loopback that keeps what it is given as files, and delivers nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller

from deploy.local.servers.machine import free_port


class MailSink:
    """Takes mail for anybody, counts it, and writes each to `<folder>/<number>.eml`; begins with an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.count = 0
        self._folder = folder
        self._port = free_port()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        # It makes an event loop, which only a server that was started closes.
        self._server = Controller(self, hostname="127.0.0.1", port=self._port)
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.stop()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  the library's name
        self.count += 1
        (self._folder / f"{self.count:06d}.eml").write_bytes(envelope.content)
        return "250 Taken"
