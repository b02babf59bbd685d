"""Bugs in what several do together: joint orders, approvals, merged cases, proposals, and lists that are handed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from libs.contracts.dispatch import OrderChecked
from libs.contracts.incident import CaseMerged
from libs.contracts.values import Answer
from services.dispatch import handlers as dispatch
from services.dispatch.approvals import domain as approval
from services.dispatch.components import tables as components
from services.dispatch.orders.domain import work
from services.dispatch.orders.domain.order import Changed, Order
from services.dispatch.responsibility import tables as lists
from services.incident.meetings import handlers as meetings
from services.incident.merging import batch as merging
from services.incident.progress import handlers as progress
from services.notify.recipients import followed
from tests.chaos.planted.bugs import Patches, bug
from tests.chaos.statements.imports import WHOLE
from tests.chaos.statements.joint import IN_FORCE, SHARES, WAITED_FOR
from tests.chaos.statements.merges import DECIDED, END_TOLD, NO_ORDER
from tests.chaos.statements.proposals import ANSWERED, MINUTES


@bug("dispatch", "a joint order is checked while others are still at it", WAITED_FOR, together=True)
def helpers_not_waited_for(patches: Patches) -> None:
    def make(check: Any) -> Any:
        def at_once(order: Order, *about: Any, **said: Any) -> Any:
            decided = check(replace(order, helpers=()), *about, **said)
            if isinstance(decided, Changed):
                return replace(decided, order=replace(decided.order, helpers=order.helpers))
            return decided

        return at_once

    patches.set(work, "check", make)


@bug(
    "dispatch",
    "who has the order keeps all its points, and the helpers have their shares besides",
    SHARES,
    together=True,
)
def shares_besides(patches: Patches) -> None:
    def make(check: Any) -> Any:
        def all_of_it(order: Order, *about: Any, **said: Any) -> Any:
            decided = check(order, *about, **said)
            if isinstance(decided, Changed):
                [fact] = decided.facts
                assert isinstance(fact, OrderChecked)
                return replace(decided, facts=(fact.model_copy(update={"points": order.points}),))
            return decided

        return all_of_it

    patches.set(work, "check", make)


@bug("dispatch", "an extension is approved, and the order keeps its deadline", IN_FORCE, together=True)
def approved_in_vain(patches: Patches) -> None:
    def make(granted: Any) -> Any:
        def nothing(order: Order, *about: Any) -> Changed:
            return Changed(order, granted(order, *about).facts)

        return nothing

    patches.set(approval, "_granted", make)


@bug("dispatch", "the order of a merged case goes on", NO_ORDER, together=True)
def merged_goes_on(patches: Patches) -> None:
    async def nothing(batch: Any, db: Any) -> list[Any]:
        return []

    patches.item(dispatch.router.events, CaseMerged, lambda _: nothing)


@bug("dispatch", "the last row of an imported list stays as it was", WHOLE, together=True)
def half_imported(patches: Patches) -> None:
    def make(insert: Any) -> Any:
        async def but_the_last(db: Any, tenant: str, version: int, rows: Sequence[Any]) -> None:
            await insert(db, tenant, version, [*rows[:-1], replace(rows[-1], standard_ref="")])

        return but_the_last

    patches.set(lists, "insert", make)


@bug("dispatch", "an import of components counts as two versions", WHOLE, together=True)
def version_counted_twice(patches: Patches) -> None:
    def make(write: Any) -> Any:
        async def twice(db: Any, tenant: str, change: Any, version: int, now: Any) -> None:
            await write(db, tenant, change, version, now)
            await db.insert(components.ComponentVersionRow, [_nothing_in(tenant, version + 1, now)])

        return twice

    patches.set(components, "write", make)


def _nothing_in(tenant: str, version: int, now: Any) -> dict[str, Any]:
    return {"tenant": tenant, "version": version, "made_at": now, "new": 0, "changed": 0, "moved": 0, "retired": 0}


@bug("incident", "the last matter of a meeting is lost", MINUTES, together=True)
def matter_lost(patches: Patches) -> None:
    patches.set(meetings, "reports_of", lambda reports: lambda *about: reports(*about)[:-1])


@bug("incident", "a proposal that was planned is told to be accepted", ANSWERED, together=True)
def planned_told_accepted(patches: Patches) -> None:
    def make(facts: Any) -> Any:
        def mistaken(*about: Any) -> list[Any]:
            return [
                fact.model_copy(update={"proposal_answer": Answer.ACCEPTED, "planned_for": None})
                if getattr(fact, "proposal_answer", None) is Answer.PLANNED
                else fact
                for fact in facts(*about)
            ]

        return mistaken

    patches.set(progress, "_facts_of_order", make)


@bug("incident", "a case is merged, and nobody is told", DECIDED, together=True)
def merging_untold(patches: Patches) -> None:
    def make(merge: Any) -> Any:
        def silent(self: Any, command: Any) -> Any:
            answer = merge(self, command)
            return replace(answer, events=()) if hasattr(answer, "events") else answer

        return silent

    patches.set(merging.MergeBatch, "merge", make)


@bug("notify", "who reported a merged case hears nothing of the other", END_TOLD, together=True)
def merged_not_followed(patches: Patches) -> None:
    async def nobody(db: Any, merged: Any) -> None:
        return None

    patches.set(followed, "follow", lambda _: nobody)
