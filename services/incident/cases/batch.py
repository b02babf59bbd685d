"""What a batch does to locked cases: decided one after the other, written once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

from libs.chassis.db.database import Database
from libs.chassis.handlers import Answer, Batch, Refused
from services.incident.cases import tables
from services.incident.cases.domain import history
from services.incident.cases.domain.case import Standing
from services.incident.cases.domain.history import Entry, Head
from services.incident.cases.domain.refusals import no_case
from services.incident.cases.tables import LockedCase


class CaseBatch:
    """`recorded`: entries that the timelines have already, which are not recorded again."""

    def __init__(self, now: datetime, *, recorded: Collection[UUID] = ()) -> None:
        self._now = now
        self._changed: dict[UUID, tuple[LockedCase, Standing, Head]] = {}
        self._entries: list[tuple[Entry, bytes]] = []
        self._recorded = set(recorded)

    def standing(self, case: LockedCase) -> Standing:
        """How the case stands after what the batch did to it so far."""
        return self._changed[case.case_id][1] if case.case_id in self._changed else case.standing

    def append_entry(
        self,
        case: LockedCase,
        now: Standing,
        entry_id: UUID,
        step: str,
        happened_at: datetime,
        details: Mapping[str, Any],
    ) -> None:
        """The case stands as `now`, by a step that its timeline keeps. A copy of a step changes nothing."""
        if entry_id in self._recorded:
            return
        self._recorded.add(entry_id)
        head = self._changed[case.case_id][2] if case.case_id in self._changed else case.head
        entry, head = history.append(head, case.tenant, case.case_id, entry_id, step, happened_at, self._now, details)
        self._entries.append((entry, head.hash))
        self._changed[case.case_id] = (case, now, head)

    async def write(self, db: Database) -> None:
        await tables.move(db, list(self._changed.values()))
        await tables.append(db, self._entries)


class AboutCase(Protocol):
    """A command that names a case by its number."""

    @property
    def tenant(self) -> str: ...

    @property
    def case_no(self) -> str: ...


C = TypeVar("C", bound=AboutCase)


async def answer_by_case(
    commands: Batch[C], db: Database, decide: Callable[[C, LockedCase, CaseBatch], Answer]
) -> list[Answer]:
    """The answers that `decide` gives, whose steps are written once. A case that the street does not have is 404."""
    cases = await tables.lock_by_number(db, ((c.tenant, c.case_no) for c in commands))
    batch = CaseBatch(commands.now)
    answers: list[Answer] = []
    for command in commands:
        case = cases.get((command.tenant, command.case_no))
        unknown = Refused(404, "Not found", no_case(command.tenant, command.case_no))
        answers.append(unknown if case is None else decide(command, case, batch))
    await batch.write(db)
    return answers
