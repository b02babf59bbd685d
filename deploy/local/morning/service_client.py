"""Requests to one service, tried again until it answers, as the people and senders of a demonstration make them."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import nats.errors

T = TypeVar("T")

PATIENCE_SECONDS = 120.0
PAUSE_SECONDS = 0.2
# Each request looks through all that wait in the client's pool, so those that are too many wait before it.
AT_ONCE = 8


def street_of(path: str, tenant: str) -> dict[str, str]:
    """Of which street something is asked: a tracking code says so by itself."""
    return {} if path.startswith("/v1/track/") else {"tenant": tenant}


class NoAnswer(Exception):
    """A service did not answer within the patience of the demonstration, though everything was tried again."""


async def until_answered(
    attempt: Callable[[], Awaitable[T | None]], what: str, patience_seconds: float = PATIENCE_SECONDS
) -> T:
    """What the attempt gives, as soon as it gives anything; an outage is waited out."""
    give_up = time.monotonic() + patience_seconds
    while time.monotonic() < give_up:
        with suppress(httpx.TransportError, nats.errors.Error, OSError, TimeoutError):
            if (found := await attempt()) is not None:
                return found
        await asyncio.sleep(PAUSE_SECONDS)
    raise NoAnswer(what)


class ServiceClient:
    """The HTTP side of one service, for one street. Of several replicas each attempt asks any."""

    patience_seconds = PATIENCE_SECONDS
    timeout_seconds = 20.0

    def __init__(self, urls: Sequence[str], tenant: str) -> None:
        self._urls, self.tenant = list(urls), tenant
        self._client = httpx.AsyncClient(timeout=self.timeout_seconds)
        self._places = asyncio.Semaphore(AT_ONCE)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def post(
        self, path: str, body: Mapping[str, object], headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """The answer, whatever it says, but for "not taken now"."""

        async def attempt() -> httpx.Response | None:
            async with self._places:
                answer = await self.send(path, {**street_of(path, self.tenant), **body}, headers)
            return None if self.is_for_later(answer) else answer

        return await until_answered(attempt, path, self.patience_seconds)

    async def send(self, path: str, body: Mapping[str, object], headers: Mapping[str, str] | None) -> httpx.Response:
        """One attempt."""
        return await self._client.post(self._anywhere() + path, json=body, headers=headers)

    async def put_file(self, path: str, content: bytes, **query: str) -> httpx.Response:
        """The answer to a file, whatever it says, but for "not taken now"."""

        async def attempt() -> httpx.Response | None:
            answer = await self.send_file(path, content, {**street_of(path, self.tenant), **query})
            return None if self.is_for_later(answer) else answer

        return await until_answered(attempt, path, self.patience_seconds)

    async def send_file(self, path: str, content: bytes, query: Mapping[str, str]) -> httpx.Response:
        """One attempt."""
        return await self._client.put(self._anywhere() + path, params=query, content=content)

    def is_for_later(self, answer: httpx.Response) -> bool:
        """Whether the answer says "not taken now"."""
        return answer.status_code == 503

    async def look(self, path: str, **query: str) -> Any:
        """What the service shows there."""

        async def attempt() -> Any:
            async with self._places:
                answer = await self._client.get(
                    self._anywhere() + path, params={**street_of(path, self.tenant), **query}
                )
            return answer.json() if answer.status_code == 200 else None

        return await until_answered(attempt, path, self.patience_seconds)

    def _anywhere(self) -> str:
        return random.choice(self._urls)
