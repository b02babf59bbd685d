"""Webhooks: one POST of JSON. They lead where somebody else says, so what is connected to is checked first."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
import socket
import ssl
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote, unquote_to_bytes, urlsplit

import certifi

from services.notify.channels.domain import Address, NotTaken, Outcome, Outgoing, Rejected, after_status
from services.notify.channels.http_client import Answer, Connections, Origin

URL = re.compile(r"https?://[\x21-\x7e]{1,1000}")

Addresses = Literal["public", "loopback", "any"]

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class AddressNotAllowed(Exception):
    """A webhook leads into a network that it must not reach."""


class NoAddress(OSError):
    """A name does not resolve."""


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


def is_url(text: str) -> bool:
    try:
        return URL.fullmatch(text) is not None and bool(urlsplit(text).hostname)
    except ValueError:
        return False


class Webhooks:
    """As many calls at once as `connections`; who calls more waits for a place."""

    address = Address("webhook_url", is_url)

    def __init__(self, allowed: Addresses, connections: int, timeout_seconds: float) -> None:
        self.connections = connections
        self._allowed = allowed
        self._timeout_seconds = timeout_seconds
        self._places = asyncio.Semaphore(connections)
        self._connections = Connections(connections, ssl.create_default_context(cafile=certifi.where()))

    async def send(self, address: str, outgoing: Outgoing) -> Outcome:
        """The same delivery has the same `Wangge-Delivery` each time, by which a receiver may know a copy."""
        if self._allowed == "public" and not address.startswith("https:"):
            return Rejected("a webhook needs https")
        try:
            target = _read(address)
            async with asyncio.timeout(self._timeout_seconds), self._places:
                answer = await self._call(target.origin, _post(target, outgoing))
        except TimeoutError:
            return NotTaken("the webhook does not answer in time")
        except AddressNotAllowed:
            return Rejected("the webhook leads to an address that is not allowed")
        except OSError as error:
            # Before ValueError: a certificate that is not trusted is both, and may be renewed.
            return NotTaken(type(error).__name__)
        except ValueError:
            return Rejected("the webhook has no valid address")
        return after_status(answer.status, answer.retry_after, datetime.now(UTC))

    def close(self) -> None:
        self._connections.close()

    async def _call(self, origin: Origin, request: bytes) -> Answer:
        """A name is resolved once and what was checked is connected to: a second look-up could answer another."""
        connection = self._connections.idle(origin)
        if connection is None:
            addresses = await _resolve(origin)
            if not all(is_allowed(address, self._allowed) for address in addresses):
                raise AddressNotAllowed
            connection = await self._connections.open(origin, addresses)
        return await connection.call(request)


async def _resolve(origin: Origin) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NoAddress from None
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


@dataclass(frozen=True, slots=True, repr=False)
class _Target:
    """A URL as a request needs it. `head`: the lines that are the same for each call."""

    origin: Origin
    head: bytes


def _read(url: str) -> _Target:
    """ValueError when it is no URL that could be called."""
    parts = urlsplit(url)
    if not is_url(url) or not parts.hostname:
        raise ValueError
    secure = parts.scheme == "https"
    usual = 443 if secure else 80
    port = usual if parts.port is None else parts.port
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    query = "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~?") if parts.query else ""
    lines = [
        f"POST {path}{query} HTTP/1.1",
        f"Host: {host}" if port == usual else f"Host: {host}:{port}",
        "Accept: */*",
        "User-Agent: wangge",
        "Content-Type: application/json",
    ]
    if parts.username is not None:
        user = b":".join(unquote_to_bytes(each or "") for each in (parts.username, parts.password))
        lines.append(f"Authorization: Basic {b64encode(user).decode()}")
    return _Target(Origin(secure, parts.hostname.rstrip("."), port), "\r\n".join(lines).encode())


def _post(target: _Target, outgoing: Outgoing) -> bytes:
    content = {
        "delivery_id": str(outgoing.delivery_id),
        "template": outgoing.template,
        "case_id": str(outgoing.case_id) if outgoing.case_id else None,
        "case_no": outgoing.case_no,
        "occurred_at": outgoing.occurred_at.isoformat(),
        "subject": outgoing.message.subject,
        "text": outgoing.message.text,
        "link": outgoing.link,
    }
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    head = b"%b\r\nContent-Length: %d\r\nWangge-Delivery: %b\r\n\r\n"
    return head % (target.head, len(body), str(outgoing.delivery_id).encode()) + body
