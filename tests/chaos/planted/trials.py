"""One street on which bug after bug is tried: a small life, trouble that brings the bug to light, the invariants."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncpg
import nats

from deploy.local.linghe import street
from deploy.local.reconciliation.at_rest import under_way, wait_until_at_rest
from deploy.local.reconciliation.check import Check
from deploy.local.servers.machine import free_port
from deploy.local.system import ROOT, TENANT, LocalSystem, clock_that_shows
from libs.contracts import services, streams
from libs.contracts.services import SERVICES
from tests.chaos import minutes
from tests.chaos.evidence import take
from tests.chaos.invariants import judge
from tests.chaos.journal import Journal
from tests.chaos.load import Life, living
from tests.chaos.planted.__main__ import has_it
from tests.chaos.planted.bugs import Bug, Trouble
from tests.chaos.planted.catalogue import BUGS
from tests.chaos.planted.small_life import PROPOSED, plans
from tests.chaos.provider import Provider
from tests.chaos.statements.imports import WHOLE

SPEED = 1440.0
"""A day of the street's in a minute: deadlines of an hour pass within seconds."""
MORNING = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
SETTINGS = {"WANGGE_SWEEP_SECONDS": "0.1", "WANGGE_RELAY_POLL_SECONDS": "0.1", "WANGGE_LOG_LEVEL": "WARNING"}
IDLE_SECONDS = 3.0
AT_MOST_SECONDS, DRAIN_SECONDS = 12.0, 5.0
"""Of a trial with a bug, which may keep the life from its end and the rest from coming."""
PATIENCE_SECONDS = 240.0
"""Of one without a bug, which ends sooner wherever it may."""
BUSY = 4.0
"""So many times as long a second trial takes: on a busy machine the first may end before the bug has done its harm."""

CHASSIS = ("inbox", "outbox", "timers", "retries", "stream_seen", "stream_losses")
OF_A_RUN = {
    "incident": (
        *("cases", "timeline", "evaluations", "street_evaluations", "questions", "followers"),
        *("meetings", "standing_matters"),
    ),
    "dispatch": ("orders", "approvals", "inspections"),
    "scoring": ("accounts", "transactions", "postings", "orders", "street_evaluations"),
    "notify": ("cases", "notices", "deliveries"),
}
DEAF = """
INSERT INTO preferences (tenant, recipient_id, wishes)
SELECT tenant, recipient_id, '{"in_app": false, "email": false}' FROM contacts WHERE recipient_id ~ '^member:.*[369]$'
"""
"""A third of the members wants to hear nothing, so that there is something to suppress."""
HURRY = "UPDATE retries SET due_at = now() WHERE due_at > now()"
REFUSE = """
CREATE SEQUENCE refusals;
CREATE FUNCTION refuse_for_a_trial() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nextval('refusals');
    RAISE EXCEPTION 'refused for a while' USING ERRCODE = '{sql_state}';
END $$;
CREATE CONSTRAINT TRIGGER refuse_for_a_trial AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION refuse_for_a_trial();
"""
REFUSED = "SELECT is_called FROM refusals"
TAKE_AGAIN = "DROP FUNCTION refuse_for_a_trial CASCADE; DROP SEQUENCE refusals"


class _Street(LocalSystem):
    """Services that can be given a bug while they run."""

    def define_services(self) -> None:
        super().define_services()
        for name, process in self.services.items():
            process.command = [sys.executable, "-m", "tests.chaos.planted", name, str(self.folder / "bug")]


class Trials:
    """The ground of the trials, for one `with`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.tenant = TENANT
        self.street = street.build()
        self.clock = clock_that_shows(MORNING, datetime.now(UTC) + timedelta(seconds=20), SPEED)
        self.local = _Street(folder, durable=False, clock=self.clock, settings=SETTINGS)
        self.provider_log = folder / "provider.jsonl"
        self._provider = Provider(free_port(), self.provider_log, cwd=ROOT, log=folder / "provider.log")
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as running:
            running.enter_context(self.local)
            running.callback(self._provider.stop)
            self._provider.start()
            asyncio.run(self._prepare())
            self._running = running.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._running.close()

    @property
    def urls(self) -> dict[str, list[str]]:
        return {service: [url] for service, url in self.local.urls.items()}

    @property
    def nats_url(self) -> str:
        return self.local.servers.addresses.nats_url

    @property
    def nats_direct_url(self) -> str:
        return self.nats_url

    @property
    def sealing_key(self) -> str:
        return self.local.environment["WANGGE_NOTIFY_PUBLIC_KEY"]

    @property
    def webhook_url(self) -> str:
        return self._provider.url

    def database_url(self, service: str) -> str:
        return self.local.database_url(service)

    async def contradictions(self, service: str, trouble: Trouble) -> list[str]:
        """What does not hold though no bug is planted."""
        return [f"{c.statement}: {c.contradictions[:3]}" for c in await self.broken(None, service, trouble)]

    async def what_misses(self, name: str) -> list[str]:
        """The statements that should find the bug and hold all the same."""
        bug = BUGS[name]
        return await self._misses(bug, 1.0) and await self._misses(bug, BUSY)

    async def _misses(self, bug: Bug, longer: float) -> list[str]:
        found = [check.statement for check in await self.broken(bug, bug.service, bug.trouble, longer)]
        return [
            f"{bug.sentence}: {wanted} does not find it, but {found}"
            for wanted in bug.found_by
            if not any(wanted in statement for statement in found)
        ]

    async def broken(self, bug: Bug | None, service: str, trouble: Trouble, longer: float = 1.0) -> list[Check]:
        """The statements that do not hold after a small life with the bug, and with trouble in a service's database."""
        await self._begin_anew()
        await self._plant(bug.name if bug else "")
        journal_folder = self._folder / "journal"
        shutil.rmtree(journal_folder, ignore_errors=True)
        with Journal(journal_folder) as journal:
            async with (
                living(
                    self,
                    1,
                    journal,
                    idle_seconds=IDLE_SECONDS * longer if bug else PATIENCE_SECONDS,
                    at_most_seconds=AT_MOST_SECONDS * longer if bug else PATIENCE_SECONDS,
                    contested=0.5,
                    copies=1.0,
                    poison=0.1,
                ) as life,
                self._in_trouble(service, trouble),
            ):
                self._report(life, together=bug is None or bug.together, lists=bug is None or WHOLE in bug.found_by)
        await self._drain(DRAIN_SECONDS * longer if bug else PATIENCE_SECONDS)
        found = judge(await take(self, journal_folder))
        await self._plant("")
        return [check for check in found if not check.holds]

    def _report(self, life: Life, *, together: bool, lists: bool) -> None:
        """`together`: with what takes several, minutes of a meeting among it. `lists`: some are handed in as well, for
        each of which each process reads the street anew. Both take a while, so only trials that need them have them."""
        now = asyncio.get_running_loop().time()
        for plan in plans(self, together=together):
            life.simulation.begin(plan, now)
        if together:
            life.simulation.accompany(self._write(life, lists))

    async def _write(self, life: Life, lists: bool) -> None:
        await minutes.record(self, life.incident, life.simulation, "minutes", deeds=PROPOSED)
        if lists:
            await life.imports.hand_in(1)

    async def _prepare(self) -> None:
        await wait_until_at_rest(self.local)
        connection = await asyncpg.connect(self.database_url("notify"))
        await connection.execute(DEAF)
        await connection.close()

    async def _plant(self, name: str) -> None:
        file = self._folder / "bug"
        fresh = file.with_suffix(".new")
        fresh.write_text(name)
        fresh.rename(file)
        await _until(lambda: all(_said(has_it(file, service)) == name for service in SERVICES))

    async def _begin_anew(self) -> None:
        """No report is known, no fact in a stream; the street itself stays. What was still under way goes too."""
        for _ in range(2):
            await self._purge()
            for service in SERVICES:
                await self._empty(service)
        if self.provider_log.exists():
            self.provider_log.write_text("")
        await wait_until_at_rest(self.local)

    async def _purge(self) -> None:
        bus = await nats.connect(self.nats_url)
        for service in services.SERVICES:
            await bus.jetstream().purge_stream(streams.stream_name(service))
        await bus.close()

    async def _empty(self, service: str) -> None:
        connection = await asyncpg.connect(self.database_url(service))
        # The ledger refuses to be emptied; a replica would not ask it.
        await connection.execute("SET session_replication_role = replica")
        emptied = False
        while not emptied:
            # A service in the middle of something may have locked the tables the other way round.
            with suppress(asyncpg.DeadlockDetectedError):
                await connection.execute(f"TRUNCATE {', '.join((*CHASSIS, *OF_A_RUN[service]))}")
                emptied = True
        if service == "dispatch":
            await connection.execute("UPDATE members SET open_orders = 0 WHERE open_orders <> 0")
        await connection.close()

    @asynccontextmanager
    async def _in_trouble(self, service: str, trouble: Trouble) -> AsyncIterator[None]:
        """The trouble is there when the block begins, and is over when it ends."""
        if trouble is None:
            yield
            return
        connection = await asyncpg.connect(self.database_url(service))
        # A number that was drawn stays drawn when what drew it is rolled back.
        script = REFUSE.format(table=trouble.table, condition=trouble.condition, sql_state=trouble.sql_state)
        await connection.execute(script)
        try:
            yield
            with suppress(TimeoutError):
                async with asyncio.timeout(AT_MOST_SECONDS):
                    while not await connection.fetchval(REFUSED):  # noqa: ASYNC110  it is another process
                        await asyncio.sleep(0.02)
            await asyncio.sleep(trouble.seconds)
        finally:
            await connection.execute(TAKE_AGAIN)
            await connection.close()

    async def _drain(self, seconds: float) -> None:
        """Until nothing is under way, or for so long: with a bug it may never be.

        No asyncio.timeout: it cancels once, and nats-py may swallow that while it closes a connection.
        """
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up and await under_way(self.local):
            await self._hurry()
            await asyncio.sleep(0.3)

    async def _hurry(self) -> None:
        for service in SERVICES:
            connection = await asyncpg.connect(self.database_url(service))
            await connection.execute(HURRY)
            await connection.close()


def _said(file: Path) -> str | None:
    return file.read_text() if file.exists() else None


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110  it is other processes that are waited for
            await asyncio.sleep(0.01)
