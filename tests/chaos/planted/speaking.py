"""Bugs in what the desk, reporters and neighbours say to one another, and in what orders make of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from services.dispatch.correcting import handlers as correcting_orders
from services.dispatch.orders.domain.order import Changed, Order
from services.dispatch.waiting import handlers as waiting
from services.incident.correcting import batch as correcting
from services.incident.following import tables as following
from services.incident.questions import handlers as questions
from services.incident.withdrawing import handlers as withdrawing
from services.notify.recipients import followed
from tests.chaos.planted.bugs import Patches, bug
from tests.chaos.statements.orders import FROM_CASE
from tests.chaos.statements.reporters import FOLLOWERS, QUESTIONS, STOOD_STILL, TAKEN_BACK
from tests.chaos.statements.reports import AS_SENT


@bug("dispatch", "an order says what its case said before it was corrected", FROM_CASE)
def correction_passed_over(patches: Patches) -> None:
    def make(_: Any) -> Any:
        def nothing(order: Order, case: Any, corrections: int, *more: Any) -> Changed:
            return Changed(replace(order, corrections=corrections), ())

        return nothing

    patches.set(correcting_orders, "correct", make)


@bug("dispatch", "the clock of an order runs while its reporter is asked", STOOD_STILL)
def clock_runs_while_asked(patches: Patches) -> None:
    def make(pause: Any) -> Any:
        def on(order: Order, number: int, question: str, answer_by: Any, now: Any) -> Changed:
            paused: Changed = pause(order, number, question, answer_by, now)
            return Changed(replace(paused.order, paused_at=None), paused.facts)

        return on

    patches.set(waiting, "pause", make)


@bug("incident", "a correction forgets what the case said", AS_SENT)
def original_forgotten(patches: Patches) -> None:
    patches.set(correcting, "recorded", lambda _: lambda *said: {})


@bug("incident", "an answer is taken, and nobody is told", QUESTIONS)
def answer_not_told(patches: Patches) -> None:
    def make(answered: Any) -> Any:
        return lambda case, question, *more: answered(case, replace(question, answer=None), *more)

    patches.set(questions, "_answered", make)


@bug("incident", "a report that is taken back goes on", TAKEN_BACK)
def not_taken_back(patches: Patches) -> None:
    patches.set(withdrawing, "withdraw", lambda _: lambda case, shared: case)


@bug("incident", "one who follows counts twice", FOLLOWERS)
def follower_counted_twice(patches: Patches) -> None:
    def make(count: Any) -> Any:
        async def twice(db: Any, cases: Any) -> None:
            await count(db, [replace(case, followers=case.followers + 1) for case in cases])

        return twice

    patches.set(following, "count", make)


@bug("notify", "who follows a case is not known", FOLLOWERS)
def follower_unknown(patches: Patches) -> None:
    def make(_: Any) -> Any:
        async def nobody(db: Any, rows: Any) -> None:
            return None

        return nobody

    patches.set(followed, "keep_followers", make)
