"""The four services at once, asked over HTTP as people ask them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx

from deploy.local.morning.service_client import street_of
from libs.contracts import streams
from tests.support.stage import PATIENCE_SECONDS, NotSettled, Stage, left_in

TENANT = "370784004"
DUE = "SELECT EXISTS (SELECT FROM timers WHERE name = ANY($1) AND due_at <= now())"


STREET_IN_THE_QUERY = ("/v1/recipients/", "/v1/responsibility-list")
"""Also of what is no GET."""


@dataclass
class FourServices:
    """`stages` are the running services, `looking` connections of the test's own to their databases."""

    stages: Mapping[str, Stage]
    looking: Mapping[str, asyncpg.Connection[Any]]

    async def ask(
        self,
        service: str,
        method: str,
        url: str,
        body: Mapping[str, Any] | None = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """The street is said in the query or in the body, whichever wants it; a tracking code says it by itself."""
        street = street_of(url, TENANT)
        in_query = method in ("GET", "DELETE") or url.startswith(STREET_IN_THE_QUERY)
        path = httpx.URL(url).copy_merge_params(street if in_query else {})
        content = {**({} if in_query else street), **body} if body is not None else None
        answer = await self.stages[service].http.request(method, path, json=content, headers=headers)
        assert answer.status_code == status, f"{method} {url}: {answer.status_code} {answer.text}"
        return answer

    async def at_rest(self) -> None:
        """Nothing to publish, nothing to consume, and nothing to send, three times in a row."""
        deadline, calm = time.monotonic() + 3 * PATIENCE_SECONDS, 0
        while calm < 3:
            left = [f"{service}: {what}" for service in self.stages if (what := await self._left(service))]
            calm = 0 if left else calm + 1
            if time.monotonic() > deadline:
                raise NotSettled(", ".join(left))
            await asyncio.sleep(0.05)

    async def _left(self, service: str) -> str:
        stage, db = self.stages[service], self.looking[service]
        js = (await stage.service.broker.connect()).jetstream()
        for stream in {streams.stream_name(event.service) for event in stage.service.router.events}:
            if left := await left_in(js, stream, service):
                return left
        if await db.fetchval("SELECT EXISTS (SELECT FROM outbox WHERE sent_at IS NULL)"):
            return "facts to publish"
        if service == "dispatch" and await db.fetchval("SELECT EXISTS (SELECT FROM findings WHERE due_at IS NOT NULL)"):
            return "findings"
        waiting = "SELECT count(*) FROM deliveries WHERE due_at IS NOT NULL"
        return "deliveries" if service == "notify" and await db.fetchval(waiting) else ""

    async def fire_timers(self) -> None:
        """Those of dispatch that are due, also what its own sweep has in hand. Not asked on the service's connections,
        whose statements are what is looked at."""
        stage = self.stages["dispatch"]
        while await self.looking["dispatch"].fetchval(DUE, list(stage.service.router.timers)):
            await stage.service.timers.fire_due(200)
