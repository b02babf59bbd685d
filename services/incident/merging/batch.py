"""Pairs of cases, both locked, decided by the domain, and noted in their timelines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from libs.chassis.db.database import Database
from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Answer, Done, Refused
from libs.contracts.incident import CaseMerged, CaseUnmerged
from libs.contracts.message import Event
from libs.sentences import Sentence
from libs.transitions import Impossible
from services.incident.cases import facts
from services.incident.cases import tables as case_tables
from services.incident.cases.batch import CaseBatch
from services.incident.cases.domain.case import Decided, Standing, State, unmerge
from services.incident.cases.domain.refusals import no_case
from services.incident.cases.tables import LockedCase
from services.incident.merging import domain, tables
from services.incident.merging.domain import MergeCandidate, MergeCase, NotTogether, SetParent, UnmergeCase
from services.incident.questions.domain import Step
from services.incident.questions.handlers import end_passed

Key = tuple[str, str]
"""(tenant, case_no)"""


class MergeBatch:
    def __init__(
        self, cases: dict[Key, LockedCase], survivors: set[Key], parents: set[Key], batch: CaseBatch, now: datetime
    ) -> None:
        self._cases = cases
        self._survivors = survivors
        self._parents = parents
        self._batch = batch
        self._now = now
        self.steps: list[tuple[LockedCase, Standing, Step]] = []
        """What the merged cases did."""

    def merge(self, command: MergeCase) -> Answer:
        case, into = self._case(command.tenant, command.case_no), self._case(command.tenant, command.into)
        if isinstance(case, Refused):
            return case
        if isinstance(into, Refused):
            return into
        before = self._batch.standing(case)
        after = domain.merge(self._candidate(case, self._survivors), self._candidate(into, self._survivors))
        if not isinstance(after, Standing):
            return self._refused(case, after)
        said = {"by_member": command.by_member, "note": command.note}
        details = {"move": "merge", "into": into.case_no, **said}
        self._batch.append_entry(case, after, new_id(), "merged", self._now, details)
        self.steps.append((case, before, Step(self._now, before.state, after.state)))
        self._note_on(into, "joined", {"case_no": case.case_no, **said})
        self._survivors.add((into.tenant, into.case_no))
        return Done(Decided(case.case_no, after.state), [_fact_of_merging(case, before, after, into, self._now)])

    def unmerge(self, command: UnmergeCase) -> Answer:
        case = self._case(command.tenant, command.case_no)
        if isinstance(case, Refused):
            return case
        before, unmerging = self._batch.standing(case), new_id()
        after = unmerge(before, self._now, unmerging)
        if not isinstance(after, Standing):
            return self._refused(case, after)
        out_of = self._case(case.tenant, before.merged_into or "")
        if isinstance(out_of, Refused):
            zh = f"案件 {case.case_no} 刚刚被合并，请重试。"
            en = f"Case {case.case_no} has just been merged. Please ask again."
            return Refused(409, "Changed meanwhile", Sentence(zh, en))
        said = {"by_member": command.by_member, "note": command.note}
        self._batch.append_entry(case, after, unmerging, "unmerged", self._now, {"from": out_of.case_no, **said})
        self._note_on(out_of, "parted", {"case_no": case.case_no, **said})
        return Done(Decided(case.case_no, after.state), [_fact_of_unmerging(case, after, out_of, self._now)])

    def set_parent(self, command: SetParent) -> Answer:
        child = self._case(command.tenant, command.case_no)
        if isinstance(child, Refused):
            return child
        after: Standing | NotTogether = replace(self._batch.standing(child), parent=None)
        if command.parent is not None:
            parent = self._case(command.tenant, command.parent)
            if isinstance(parent, Refused):
                return parent
            after = domain.set_parent(self._candidate(child, self._parents), self._candidate(parent, self._parents))
        if isinstance(after, NotTogether):
            return self._refused(child, after)
        if after.parent is not None:
            self._parents.add((child.tenant, after.parent))
        details = {"parent": command.parent, "by_member": command.by_member}
        self._batch.append_entry(child, after, new_id(), "put_under", self._now, details)
        return Done(Decided(child.case_no, after.state))

    def _case(self, tenant: str, case_no: str) -> LockedCase | Refused:
        found = self._cases.get((tenant, case_no))
        return found or Refused(404, "Not found", no_case(tenant, case_no))

    def _candidate(self, case: LockedCase, with_others: set[Key]) -> MergeCandidate:
        return MergeCandidate(case.case_no, self._batch.standing(case), (case.tenant, case.case_no) in with_others)

    def _note_on(self, other: LockedCase, step: str, details: dict[str, str | None]) -> None:
        self._batch.append_entry(other, self._batch.standing(other), new_id(), step, self._now, details)

    def _refused(self, case: LockedCase, why: NotTogether | Impossible) -> Refused:
        allowed = [transition.shown() for transition in why.allowed] if isinstance(why, Impossible) else []
        state = self._batch.standing(case).state
        return Refused(409, "Not possible now", why.detail, {"state": state, "allowed": allowed})


@asynccontextmanager
async def merge_batch(db: Database, named: Iterable[Key], now: datetime) -> AsyncIterator[MergeBatch]:
    """The cases that are named and those into which they were merged, locked together; written at the end."""
    keys = set(named)
    keys |= {(tenant, into) for (tenant, _), into in (await tables.survivor_of(db, keys)).items()}
    cases = await case_tables.lock_by_number(db, keys)
    batch = CaseBatch(now)
    merging = MergeBatch(cases, await tables.survivors(db, keys), await tables.parents(db, keys), batch, now)
    yield merging
    await batch.write(db)
    await end_passed(db, merging.steps, now)


def _fact_of_merging(case: LockedCase, before: Standing, now: Standing, into: LockedCase, at: datetime) -> Event:
    return CaseMerged(
        **facts.about(case, at),
        into_case_id=into.case_id,
        into_case_no=into.case_no,
        opening=now.opening,
        verify_asked=before.state is State.VERIFYING,
    )


def _fact_of_unmerging(case: LockedCase, now: Standing, out_of: LockedCase, at: datetime) -> Event:
    return CaseUnmerged(
        **facts.about(case, at),
        **case.content.told(),
        from_case_id=out_of.case_id,
        from_case_no=out_of.case_no,
        opening=now.opening or 0,
    )
