"""What a batch does to locked cases: decided one after the other, written once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from libs.chassis.db.database import Database
from services.incident.domain import history
from services.incident.domain.case import Closing, Standing
from services.incident.domain.feedback import Evaluation
from services.incident.domain.history import Entry, Head
from services.incident.tables import cases as tables
from services.incident.tables.cases import Known


class Changes:
    """`recorded`: entries that the timelines have already, which are not recorded again."""

    def __init__(
        self,
        now: datetime,
        *,
        evaluations: Mapping[UUID, dict[str, Evaluation]] | None = None,
        recorded: Collection[UUID] = (),
    ) -> None:
        self._now = now
        self._changed: dict[UUID, tuple[Known, Standing, Head]] = {}
        self._entries: list[tuple[Entry, bytes]] = []
        self._recorded = set(recorded)
        self._evaluations = {case_id: dict(by_case) for case_id, by_case in (evaluations or {}).items()}
        self._evaluated: list[dict[str, Any]] = []

    def standing(self, case: Known) -> Standing:
        """How the case stands after what the batch did to it so far."""
        return self._changed[case.case_id][1] if case.case_id in self._changed else case.standing

    def evaluations(self, case: Known) -> Mapping[str, Evaluation]:
        """Of the latest closing, by the number under which they were given."""
        return self._evaluations.get(case.case_id, {})

    def note(
        self,
        case: Known,
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

    def evaluate(self, case: Known, by_case: str, closing: Closing, evaluation: Evaluation, now: datetime) -> None:
        self._evaluations.setdefault(case.case_id, {})[by_case] = evaluation
        self._evaluated.append(
            {
                "tenant": case.tenant,
                "case_id": case.case_id,
                "closing": closing.by,
                "by_case": by_case,
                "satisfied": evaluation.satisfied,
                "words": evaluation.words,
                "reopened": evaluation.reopened,
                "evaluated_at": now,
            }
        )

    async def write(self, db: Database) -> None:
        await tables.move(db, list(self._changed.values()))
        await tables.append(db, self._entries)
        await tables.insert_evaluations(db, self._evaluated)
