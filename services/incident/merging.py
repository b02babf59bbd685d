"""Two cases on one desk: both locked, decided by the domain, and noted in their timelines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from libs.chassis.db.database import Database
from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Answer, Done, Refused
from libs.transitions import Impossible
from services.incident import facts
from services.incident.domain import merging
from services.incident.domain.case import Standing
from services.incident.domain.commands import Decided, MergeCase, PutUnder, UnmergeCase
from services.incident.domain.merging import NotTogether, Side
from services.incident.tables import cases as tables
from services.incident.tables.cases import Known
from services.incident.tables.changes import Changes

Key = tuple[str, str]
"""(tenant, case_no)"""


class Desk:
    def __init__(
        self, cases: dict[Key, Known], survivors: set[Key], parents: set[Key], changes: Changes, now: datetime
    ) -> None:
        self._cases = cases
        self._survivors = survivors
        self._parents = parents
        self._changes = changes
        self._now = now

    def merge(self, command: MergeCase) -> Answer:
        case, into = self._case(command.tenant, command.case_no), self._case(command.tenant, command.into)
        if isinstance(case, Refused):
            return case
        if isinstance(into, Refused):
            return into
        before = self._changes.standing(case)
        after = merging.merge(self._side(case, self._survivors), self._side(into, self._survivors))
        if not isinstance(after, Standing):
            return self._refused(case, after)
        said = {"by_member": command.by_member, "note": command.note}
        details = {"move": "merge", "into": into.case_no, **said}
        self._changes.note(case, after, new_id(), "merged", self._now, details)
        self._note_on(into, "joined", {"case_no": case.case_no, **said})
        self._survivors.add((into.tenant, into.case_no))
        return Done(Decided(case.case_no, after.state), [facts.of_merging(case, before, after, into, self._now)])

    def unmerge(self, command: UnmergeCase) -> Answer:
        case = self._case(command.tenant, command.case_no)
        if isinstance(case, Refused):
            return case
        before, unmerging = self._changes.standing(case), new_id()
        after = merging.unmerge(before, self._now, unmerging)
        if not isinstance(after, Standing):
            return self._refused(case, after)
        out_of = self._case(case.tenant, before.merged_into or "")
        if isinstance(out_of, Refused):
            return Refused(409, "Changed meanwhile", f"Case {case.case_no} has just been merged. Please ask again.")
        said = {"by_member": command.by_member, "note": command.note}
        self._changes.note(case, after, unmerging, "unmerged", self._now, {"from": out_of.case_no, **said})
        self._note_on(out_of, "parted", {"case_no": case.case_no, **said})
        return Done(Decided(case.case_no, after.state), [facts.of_unmerging(case, after, out_of, self._now)])

    def put_under(self, command: PutUnder) -> Answer:
        child = self._case(command.tenant, command.case_no)
        if isinstance(child, Refused):
            return child
        after: Standing | NotTogether = replace(self._changes.standing(child), parent=None)
        if command.parent is not None:
            parent = self._case(command.tenant, command.parent)
            if isinstance(parent, Refused):
                return parent
            after = merging.put_under(self._side(child, self._parents), self._side(parent, self._parents))
        if isinstance(after, NotTogether):
            return self._refused(child, after)
        if after.parent is not None:
            self._parents.add((child.tenant, after.parent))
        details = {"parent": command.parent, "by_member": command.by_member}
        self._changes.note(child, after, new_id(), "put_under", self._now, details)
        return Done(Decided(child.case_no, after.state))

    def _case(self, tenant: str, case_no: str) -> Known | Refused:
        found = self._cases.get((tenant, case_no))
        return found or Refused(404, "Not found", f"Street {tenant} has no case {case_no}.")

    def _side(self, case: Known, with_others: set[Key]) -> Side:
        return Side(case.case_no, self._changes.standing(case), (case.tenant, case.case_no) in with_others)

    def _note_on(self, other: Known, step: str, details: dict[str, str | None]) -> None:
        self._changes.note(other, self._changes.standing(other), new_id(), step, self._now, details)

    def _refused(self, case: Known, why: NotTogether | Impossible) -> Refused:
        allowed = [transition.shown() for transition in why.allowed] if isinstance(why, Impossible) else []
        state = self._changes.standing(case).state
        return Refused(409, "Not possible now", why.detail, {"state": state, "allowed": allowed})


@asynccontextmanager
async def on_desk(db: Database, named: Iterable[Key], now: datetime) -> AsyncIterator[Desk]:
    """The cases that are named and those into which they were merged, locked together; written at the end."""
    keys = set(named)
    keys |= await tables.merged_into(db, keys)
    cases = await tables.lock_by_number(db, keys)
    changes = Changes(now)
    yield Desk(cases, await tables.survivors(db, keys), await tables.parents(db, keys), changes, now)
    await changes.write(db)
