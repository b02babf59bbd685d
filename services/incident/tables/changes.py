"""What a batch does to locked cases: decided one after the other, written once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from libs.chassis.database import Database
from services.incident.domain.case import Closing, Standing
from services.incident.domain.feedback import Evaluation
from services.incident.tables import cases as tables
from services.incident.tables.cases import Known


class Changes:
    def __init__(self, evaluations: Mapping[UUID, Evaluation] | None = None) -> None:
        self._moved: dict[UUID, tuple[Known, Standing]] = {}
        self._entries: list[dict[str, Any]] = []
        self._evaluations = dict(evaluations or {})
        self._evaluated: list[dict[str, Any]] = []

    def standing(self, case: Known) -> Standing:
        """How the case stands after what the batch did to it so far."""
        return self._moved[case.case_id][1] if case.case_id in self._moved else case.standing

    def evaluation(self, case: Known) -> Evaluation | None:
        """The evaluation of the latest closing."""
        return self._evaluations.get(case.case_id)

    def move(self, case: Known, now: Standing) -> None:
        if now != self.standing(case):
            self._moved[case.case_id] = (case, now)

    def note(self, case: Known, entry_id: UUID, step: str, happened_at: datetime, details: Mapping[str, Any]) -> None:
        self._entries.append(tables.entry(case.tenant, case.case_id, entry_id, step, happened_at, details))

    def evaluate(self, case: Known, closing: Closing, evaluation: Evaluation, now: datetime) -> None:
        self._evaluations[case.case_id] = evaluation
        self._evaluated.append(
            {
                "tenant": case.tenant,
                "case_id": case.case_id,
                "closing": closing.by,
                "satisfied": evaluation.satisfied,
                "words": evaluation.words,
                "reopened": evaluation.reopened,
                "evaluated_at": now,
            }
        )

    async def write(self, db: Database) -> None:
        await tables.move(db, list(self._moved.values()))
        await tables.append(db, self._entries)
        await tables.insert_evaluations(db, self._evaluated)
