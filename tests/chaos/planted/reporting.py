"""Bugs of the incident service: what is taken, stored and answered, and how cases follow their orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any
from uuid import uuid4

from libs.chassis.db.database import transaction
from libs.chassis.handlers import Batch, Done
from libs.chassis.handling.commands import Commands
from libs.chassis.messaging import outbox
from services.incident.cases.domain import case
from services.incident.cases.domain.case import RANKS, TRANSITIONS, MoveStamp
from services.incident.feedback.tables import Evaluations
from services.incident.intake import taking
from services.incident.progress import handlers as progress
from tests.chaos.planted.bugs import DISK_FULL, Patches, Refuse, bug
from tests.chaos.statements.cases import AFTER_FACTS, TOLD_ONCE
from tests.chaos.statements.commands import EVALUATED
from tests.chaos.statements.reports import AS_SENT, NO_OTHERS, NO_STRANGERS, ONCE, SAME_CASE

NO_CASES = Refuse("cases", "true", DISK_FULL)
LATE_CLAIMS = Refuse("timeline", "NEW.step = 'claimed'", seconds=3.0)
"""Claims are handled when the orders have been handed in and checked."""


@bug("incident", "a report is answered before it is committed", ONCE, trouble=NO_CASES)
def answer_before_commit(patches: Patches) -> None:
    def make(_: Any) -> Any:
        async def answer_first(self: Commands, handler: Any, group: Sequence[Any], _: bool) -> list[Any]:
            batch = Batch([p.command for p in group], self._clock.now(), self._settings)
            async with transaction(self._engine) as db:
                answers = list(zip(group, await handler(batch, db), strict=True))
                told = [(event, outbox.NO_CAUSE) for _, a in answers if isinstance(a, Done) for event in a.events]
                await outbox.record(db, told)
                for each, answer in answers:
                    each.answer.set_result(answer)
            self._wake_relay()
            return answers

        return answer_first

    patches.set(Commands, "_in_one_transaction", make)


def _row_but(patches: Patches, **changes: Any) -> None:
    """Stores cases with columns that are made of what they should be."""

    def make(case_row: Any) -> Any:
        def changed(*about: Any) -> dict[str, Any]:
            row: dict[str, Any] = case_row(*about)
            return {**row, **{name: change(row[name]) for name, change in changes.items()}}

        return changed

    patches.set(taking, "_case_row", make)


@bug("incident", "the key of a report is not what it is stored under", ONCE, NO_OTHERS)
def key_ignored(patches: Patches) -> None:
    _row_but(patches, idempotency_key=lambda key: f"{key}-{uuid4().hex[:6]}")


@bug("incident", "a long text is cut when it is stored", AS_SENT)
def text_cut(patches: Patches) -> None:
    _row_but(patches, text=lambda text: text[:5])


@bug("incident", "a report is stored for the neighbouring street", ONCE, NO_STRANGERS)
def wrong_street(patches: Patches) -> None:
    numbers = count()
    _row_but(patches, tenant=lambda tenant: tenant if next(numbers) % 3 else "370784005")


@bug("incident", "a report that is sent again is answered with another case", SAME_CASE)
def answer_of_another(patches: Patches) -> None:
    receipts: list[Any] = []

    def make_done(done: Any) -> Any:
        def remembered(*about: Any) -> Done:
            answer: Done = done(*about)
            receipts.append(answer.reply)
            return answer

        return remembered

    def make_not_new(not_new: Any) -> Any:
        def mistaken(report: Any, known: Any, *more: Any, **how: Any) -> Any:
            others = [r for r in receipts if known is None or r.case_id != known[1].case_id]
            return Done(others[0]) if known is not None and others else not_new(report, known, *more, **how)

        return mistaken

    patches.set(taking, "_done", make_done)
    patches.set(taking, "_not_new", make_not_new)


@bug(
    "incident",
    "a fact that comes late overwrites what has happened since",
    AFTER_FACTS,
    "case and order tell the same",
    trouble=LATE_CLAIMS,
)
def late_fact_wins(patches: Patches) -> None:
    def make(_: Any) -> Any:
        def whenever(standing: Any, move: Any, fact: Any) -> Any:
            moved = MoveStamp(fact.occurred_at, RANKS[move], fact.id)
            return replace(standing, state=TRANSITIONS.of(move)[0].target, moved=moved)

        return whenever

    patches.set(case, "_moved", make)


@bug("incident", "a case is closed and nobody is told", TOLD_ONCE)
def closing_untold(patches: Patches) -> None:
    patches.set(progress, "_facts_of_order", lambda _: lambda *about: [])


@bug("incident", "an evaluation is answered and not stored", EVALUATED)
def evaluation_lost(patches: Patches) -> None:
    patches.set(Evaluations, "add", lambda _: lambda self, *about: None)
