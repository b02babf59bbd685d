"""One process of a service: its HTTP server, and how it stops when a signal comes."""

from __future__ import annotations

import asyncio
import importlib
import math
import os
import signal
import socket
from types import FrameType

import structlog
import uvicorn

from libs.chassis.service import Service
from libs.cli.running import Refusal
from wangge import garbage

log = structlog.get_logger()

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 75
"""How long an idle connection stays open: longer than proxies keep theirs (nginx 60 s), or they would send a request on
one that is just being closed."""


class Server(uvicorn.Server):
    """At SIGTERM `/ready` fails at once; requests are accepted for a while, until load balancers have noticed."""

    def __init__(self, service: Service) -> None:
        super().__init__(_config(service))
        self._service = service

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        garbage.look_seldom()
        for each in sockets or ():
            log.info("listening", address="{}:{}".format(*each.getsockname()[:2]))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal handler: it interrupts the event loop anywhere, so it only sets flags and schedules a callback."""
        draining, self._service.draining = self._service.draining, True
        drain_seconds = self._service.settings.drain_seconds
        if sig == signal.SIGTERM and not draining and drain_seconds:
            loop = asyncio.get_running_loop()
            loop.call_soon_threadsafe(loop.call_later, drain_seconds, self._exit)
        elif sig == signal.SIGINT and self.should_exit:
            self.force_exit = True
        elif sig == signal.SIGINT or not draining:
            self._exit()

    def _exit(self) -> None:
        # uvicorn's own handler records the signal and raises it again at the end; a stopped service shall end with 0.
        self.should_exit = True


def _config(service: Service) -> uvicorn.Config:
    return uvicorn.Config(
        service.app,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,
        log_level="warning",
        backlog=BACKLOG,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=math.ceil(service.settings.graceful_timeout_seconds),
    )


def serve(name: str) -> None:
    """Run until a signal ends it. Raises Refusal when the address cannot be had."""
    service: Service = importlib.import_module(f"services.{name}.app").build()
    server = Server(service)
    server.run(sockets=[_listen(service.settings.http_host, service.settings.http_port)])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise Refusal(
            f"{host}:{port} cannot be listened on: {os.strerror(error.errno or 0)}. "
            "WANGGE_HTTP_HOST and WANGGE_HTTP_PORT choose another."
        ) from None
