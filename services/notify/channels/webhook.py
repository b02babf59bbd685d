"""Webhooks: one POST of JSON. They lead where somebody else says, so what is connected to is checked first."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Literal
from uuid import UUID

import httpcore
import httpx

from services.notify.domain.attempt import NotTaken, Outcome, Rejected, after_status

Addresses = Literal["public", "loopback", "any"]

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

POOL_SIZE = 4
"""httpcore compares every two idle connections of a pool at each request: with 256 in one pool a request takes several
times the CPU that it takes with 4 in each of 64 pools."""

READ_AT_MOST_BYTES = 64 * 1024
READ_AT_MOST_SECONDS = 1.0


class AddressNotAllowed(httpcore.ConnectError):
    """A webhook leads into a network that it must not reach."""


def is_allowed(address: str, allowed: Addresses) -> bool:
    """Whether a webhook may lead to an IP address. Addresses that wrap another are judged by that."""
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip.sixtofour or (ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF) if ip in NAT64 else ip)
    if allowed == "any":
        return True
    if ip.is_loopback:
        return allowed == "loopback"
    return ip.is_global and not ip.is_multicast


class _Guard(httpcore.AsyncNetworkBackend):
    """Resolves a name once and connects to what it has checked: a second look-up could answer something else."""

    def __init__(self, allowed: Addresses) -> None:
        self._allowed = allowed
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await _resolve(host, port)
        if not all(is_allowed(address, self._allowed) for address in addresses):
            raise AddressNotAllowed
        for address in addresses[:-1]:
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
        return await self._network.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def _resolve(host: str, port: int) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise httpcore.ConnectError("the name does not resolve") from None
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class Webhooks:
    """As many calls at once as there are connections; who calls more waits for a place."""

    def __init__(self, allowed: Addresses, connections: int, timeout_seconds: float) -> None:
        self._allowed = allowed
        self._timeout_seconds = timeout_seconds
        self._clients: list[httpx.AsyncClient] = []
        self._places: asyncio.LifoQueue[httpx.AsyncClient] = asyncio.LifoQueue()
        tls = httpx.create_ssl_context(trust_env=False)
        for first in range(0, connections, POOL_SIZE):
            size = min(POOL_SIZE, connections - first)
            self._clients.append(_client(allowed, size, tls, timeout_seconds))
            for _ in range(size):
                self._places.put_nowait(self._clients[-1])

    async def send(self, delivery_id: UUID, url: str, body: dict[str, Any]) -> Outcome:
        """The same delivery has the same `Wangge-Delivery` each time, by which a receiver may know a copy."""
        if self._allowed == "public" and not url.startswith("https:"):
            return Rejected("a webhook needs https")
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._post(url, body, {"Wangge-Delivery": str(delivery_id)})
        except (TimeoutError, httpx.TimeoutException):
            return NotTaken("the webhook does not answer in time")
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, ValueError):
            return Rejected("the webhook has no valid address")
        except httpx.TransportError as error:
            if isinstance(error.__cause__, AddressNotAllowed):
                return Rejected("the webhook leads to an address that is not allowed")
            return NotTaken(type(error).__name__)

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()

    async def _post(self, url: str, body: dict[str, Any], headers: dict[str, str]) -> Outcome:
        client = await self._places.get()
        try:
            async with client.stream("POST", url, json=body, headers=headers) as response:
                # A body that is read to its end leaves the connection usable; nobody needs what it says.
                with suppress(TimeoutError, httpx.TransportError):
                    async with asyncio.timeout(READ_AT_MOST_SECONDS):
                        await _read(response)
                return after_status(response.status_code)
        finally:
            self._places.put_nowait(client)


def _client(allowed: Addresses, connections: int, tls: ssl.SSLContext, timeout_seconds: float) -> httpx.AsyncClient:
    transport = httpx.AsyncHTTPTransport(verify=tls, trust_env=False)
    # httpx has no public way to give its transport a network of one's own.
    transport._pool = httpcore.AsyncConnectionPool(
        ssl_context=tls,
        max_connections=connections,
        max_keepalive_connections=connections,
        keepalive_expiry=5.0,
        network_backend=_Guard(allowed),
    )
    return httpx.AsyncClient(transport=transport, timeout=timeout_seconds, trust_env=False, follow_redirects=False)


async def _read(response: httpx.Response) -> None:
    received = 0
    async for chunk in response.aiter_raw():
        received += len(chunk)
        if received > READ_AT_MOST_BYTES:
            return
