"""Lists that the desk hands in while reports run: the responsibility list, the components, and the roster.

Every file bears a mark of its own in each of its rows, so that what is kept can be told from what was handed in.
"""

from __future__ import annotations

import asyncio
import csv
import io
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from deploy.local.linghe import street
from deploy.local.morning.followed_report import Surprise
from deploy.local.morning.planned_reports import PlaceChoice
from deploy.local.morning.scenarios import LAMP
from deploy.local.morning.service_client import PAUSE_SECONDS, ServiceClient, until_answered
from libs.chassis.db.database import CONNECTION_ERRORS, connect, transaction
from libs.sealing import Sealer
from services.dispatch.roster import importing as roster
from services.dispatch.roster.checks import Roster
from services.dispatch.street import tables as street_tables
from tests.chaos.ground import Ground
from tests.chaos.journal import Journal

EVERY_SECONDS = 20.0
LIST, COMPONENTS = "/v1/responsibility-list", "/v1/components"
HOW_MANY, RENAMED = 20, 5
"""Components of a file, and members of whom a roster has another name."""
WRONG = "五分"
"""In the column of points: a file with it is refused whole."""
CUT_OFF = (*CONNECTION_ERRORS, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


class Imports:
    """One desk: a file is handed in when what became of the one before is known."""

    def __init__(self, world: Ground, dispatch: ServiceClient, journal: Journal) -> None:
        self._world, self._dispatch, self._journal = world, dispatch, journal
        self._run = uuid4().hex[:8]
        with street.RESPONSIBILITY.open(encoding="utf-8", newline="") as file:
            self._rows = list(csv.DictReader(file))
        places, rng = PlaceChoice(world.street), Random(3)
        self._points = [places.draw("inside", rng).point or (0.0, 0.0) for _ in range(HOW_MANY)]

    async def go_on(self, until: asyncio.Event) -> None:
        """Again and again until the event is set, and twice at least."""
        people = await asyncio.to_thread(self._people)
        await self._note_version()
        for number in count(1):
            await self.hand_in(number)
            await self._rename(people, number)
            if until.is_set() and number > 1:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_SECONDS):
                    await until.wait()

    async def hand_in(self, number: int) -> None:
        """A list with a wrong cell, of which nothing is taken, the right one, and the components."""
        mark = f"{self._run}-{number}"
        marked = [{**row, "standard_ref": mark} for row in self._rows]
        wrong = [*marked[:-1], {**marked[-1], "standard_ref": f"{mark}-wrong", "points": WRONG}]
        if (refused := await self._dispatch.put_file(LIST, _file(wrong))).status_code != 422:
            raise Surprise(f"a list with a wrong cell was answered with {refused.status_code}: {refused.text[:300]}")
        await self._put(LIST, _file(marked), "standard_ref", mark)
        lamps = [
            {"code": f"LD-{n:03d}", "kind": LAMP, "name": mark, "longitude": x, "latitude": y}
            for n, (x, y) in enumerate(self._points)
        ]
        await self._put(COMPONENTS, _file(lamps), "name", mark)

    async def _put(self, path: str, content: bytes, column: str, mark: str) -> None:
        """Onto the version that there is, so that a copy that comes late is refused; then the mark says whether the
        first was taken."""

        async def attempt() -> httpx.Response | None:
            answer = await self._dispatch.put_file(path, content, onto=str(await self._version(path)))
            if answer.status_code != 409 or await self._shown(path, column) == mark:
                return answer
            return None

        answer = await until_answered(attempt, path, self._dispatch.patience_seconds)
        if answer.status_code not in (200, 409):
            raise Surprise(f"an import to {path} was answered with {answer.status_code}: {answer.text[:300]}")

    async def _version(self, path: str) -> int:
        if path == LIST:
            return int((await self._dispatch.look(f"{LIST}/versions"))[0]["version"])
        shown = (await self._dispatch.look(COMPONENTS, limit="1"))["items"]
        return int(shown[0]["version"]) if shown else 0

    async def _shown(self, path: str, column: str) -> object:
        items = (await self._dispatch.look(path, limit="1"))["items"]
        return items[0][column] if items else None

    def _people(self) -> Roster:
        with tempfile.TemporaryDirectory() as folder:
            street.write(self._world.street, Path(folder))
            return roster.read(Path(folder), self._world.tenant, self._world.sealing_key)

    async def _note_version(self) -> None:
        """Which version the street has before anything is handed in."""
        connection = await asyncpg.connect(self._world.database_url("dispatch"))
        version = await connection.fetchval("SELECT version FROM streets WHERE tenant = $1", self._world.tenant)
        await connection.close()
        self._journal.attempt("street", {"version": version})

    async def _rename(self, people: Roster, number: int) -> None:
        """As `wangge roster import` does it. An attempt whose end is not known is made again."""
        renamed = dict(sorted(people.members.items())[:RENAMED])
        named = {id: {**row, "name": f"{row['name']}（{number}）"} for id, row in renamed.items()}
        names = {id: row["name"] for id, row in named.items()}

        async def attempt() -> bool | None:
            id = self._journal.attempt("roster", {"names": names})
            try:
                await self._import(replace(people, members={**people.members, **named}))
            except CUT_OFF as error:
                self._journal.no_answer("roster", id, error)
                await asyncio.sleep(PAUSE_SECONDS)
                return None
            self._journal.answer("roster", id, 200, {})
            return True

        await until_answered(attempt, "the roster", self._dispatch.patience_seconds)

    async def _import(self, people: Roster) -> None:
        world = self._world
        engine = connect(world.database_url("dispatch"), pool_size=1, idle_in_transaction_seconds=0)
        try:
            async with transaction(engine) as db:
                rows = await street_tables.rows_now(db, world.tenant)
                wanted = replace(people, responsibilities=list(rows))
                await roster.import_roster(db, wanted, Sealer(world.sealing_key), world.clock.now())
        finally:
            await engine.close()


def _file(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return _written(rows[0], rows).encode()


def _written(columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()
