"""Bugs of the dispatch service: claims, checks, clocks and the workload of members."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from libs.chassis.db.database import Database
from libs.chassis.handling import timers
from libs.contracts.incident import CaseReopened
from services.dispatch import handlers
from services.dispatch.orders import batch
from services.dispatch.orders import tables as orders
from services.dispatch.orders.domain import escalation, work
from services.dispatch.orders.domain.order import Changed, Order, State
from tests.chaos.planted.bugs import Patches, bug
from tests.chaos.statements.cases import ORDERED
from tests.chaos.statements.commands import NOTED
from tests.chaos.statements.orders import CLOCKS_SET, ESCALATED, LEGAL, STANDS


@bug("dispatch", "whoever claims has the order, though somebody else has it", LEGAL)
def double_claim(patches: Patches) -> None:
    def make(claim: Any) -> Any:
        def always(order: Order, member: Any, workload: int, street: Any, now: Any) -> Any:
            if order.state is State.CLAIMED and member is not None and member.member_id != order.member_id:
                asked = (*order.offered_to, member.member_id)
                order = replace(order, state=State.OFFERED, member_id=None, offered_to=asked)
            return claim(order, member, workload, street, now)

        return always

    patches.set(work, "claim", make)


@bug("dispatch", "members keep the load of what they have handed in", "every member's open orders are counted right")
def workload_kept(patches: Patches) -> None:
    def make(change: Any) -> Any:
        def only_more(before: Order, after: Order) -> Counter[str]:
            return Counter({m: n for m, n in change(before, after).items() if n > 0})

        return only_more

    patches.set(batch, "_workload_change", make)


@bug("dispatch", "a check that fails ends the order", STANDS)
def failed_check_ends(patches: Patches) -> None:
    def make(check: Any) -> Any:
        def final(order: Order, checker: Any, passed: bool, *more: Any, **said: Any) -> Any:
            decided = check(order, checker, passed, *more, **said)
            if isinstance(decided, Changed) and not passed:
                return Changed(replace(decided.order, state=State.CHECKED), decided.facts)
            return decided

        return final

    patches.set(work, "check", make)


@bug("dispatch", "a reopened case gets no new order", ORDERED)
def reopened_without_order(patches: Patches) -> None:
    patches.item(handlers.router.events, CaseReopened, lambda _: _nothing)


async def _nothing(batch: Any, db: Database) -> list[Any]:
    return []


@bug("dispatch", "what lapses stays where it is", ESCALATED)
def escalation_lost(patches: Patches) -> None:
    patches.set(escalation, "escalate", lambda _: lambda order, *about: Changed(order, ()))


@bug("dispatch", "a timer is deleted and not handled", CLOCKS_SET)
def timer_lost(patches: Patches) -> None:
    patches.item(handlers.router.timers, "OrderClock", lambda was: (was[0], _nothing))


@bug("dispatch", "a timer is handled twice", LEGAL)
def timer_twice(patches: Patches) -> None:
    again: set[str] = set()

    def make(was: Any) -> Any:
        timer, handler = was

        async def twice(clocks: Any, db: Database) -> Any:
            facts = await handler(clocks, db)
            fresh = [clock for clock in clocks if clock.key not in again]
            again.update(clock.key for clock in fresh)
            await timers.schedule(db, fresh)
            return facts

        return timer, twice

    patches.item(handlers.router.timers, "OrderClock", make)


@bug("dispatch", "what a member wrote when handing in is not kept", NOTED)
def note_lost(patches: Patches) -> None:
    patches.set(orders, "_evidence", lambda _: lambda given: {"note": "", "photos": list(given[1])})
