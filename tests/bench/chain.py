"""A bare chain as scenarios run it: the processes that a figure of several services is set beside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from libs.chassis.messaging import topology
from tests.bench.bare_steps import CHAINS, Steps, consumed, written
from tests.bench.place import Place, listening, settled, until

WRITTEN = "SELECT (SELECT count(*) FROM heard), (SELECT count(*) FROM outbox)"


@dataclass(frozen=True, slots=True)
class Chain:
    """`processes` are those of the chain and of the two servers, by name; the rest is by service."""

    steps: Steps
    nats_url: str
    processes: Mapping[str, int]
    ports: Mapping[str, int]
    database_urls: Mapping[str, str]
    before: dict[str, tuple[int, int]] = field(default_factory=dict)

    def port(self, service: str) -> int:
        return self.ports[service]

    async def settled(self) -> float:
        """Wait until nothing is left to publish or to consume; when that was, as of time.perf_counter()."""
        consumers = [(stream, consumer) for stream, consumer, _ in topology.consumers(consumed(self.steps))]
        return await settled(self.nats_url, consumers, self.database_urls)

    async def came_through(self, count: int) -> None:
        """Raises TimeoutError unless every row and fact of `count` cases more than the last time is written."""
        each = written(self.steps)
        wanted = {
            s: (rows + count * each[s][0], facts + count * each[s][1]) for s, (rows, facts) in self.before.items()
        }

        async def all_written() -> bool:
            return await self.count() == wanted

        await until(all_written, f"{wanted} rows and facts")
        self.before.update(wanted)

    async def count(self) -> dict[str, tuple[int, int]]:
        """How many rows and facts there are."""
        found = {}
        for service, url in self.database_urls.items():
            db = await asyncpg.connect(url)
            rows, facts = await db.fetchrow(WRITTEN) or (0, 0)
            found[service] = (rows, facts)
            await db.close()
        return found


@asynccontextmanager
async def running(place: Place, name: str, **settings: str) -> AsyncIterator[Chain]:
    """The chain of that name, alone with the servers and on fresh databases."""
    steps = CHAINS[name]
    await place.only_servers(consumed(steps))
    urls = {service: await place.database(f"bench_bare_{service}") for service in steps}
    async with AsyncExitStack() as started:
        processes, ports = dict(place.engines), {}
        for service, url in urls.items():
            environment = {"WANGGE_NATS_URL": place.nats_url, "WANGGE_BENCH_DATABASE_URL": url, **settings}
            log = place.folder / "log" / f"bare-{service}.log"
            listens = listening("tests.bench.bare_chain", name, service, log=log, **environment)
            ports[service], process = await started.enter_async_context(listens)
            processes[f"bare {service}"] = process.pid
        chain = Chain(steps, place.nats_url, processes, ports, urls)
        await chain.settled()
        chain.before.update(await chain.count())
        yield chain
