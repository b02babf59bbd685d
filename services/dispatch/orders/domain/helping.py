"""The helpers of an order as the order goes its way: asked with it, waited for, credited, and called off with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from libs.contracts.dispatch import HelpAsked, HelpCalledOff, HelpCause, HelpShare
from libs.contracts.values import Level
from services.dispatch.calendar.domain import deadline
from services.dispatch.orders.domain.help import USUAL_SHARE, Help, HelpState
from services.dispatch.orders.domain.order import Changed, Order, State, about
from services.dispatch.street.domain.responsibility import HELPERS_AT_MOST
from services.dispatch.street.domain.street import Street


def units_named(names: Iterable[str], unit: str, street: Street) -> tuple[str, ...]:
    """The units of a cell of the responsibility list: a code, or a level, which is that above the order's unit.

    An order does not help itself, and a unit that the street does not have any more is passed over.
    """
    above = {each.level: each.code for each in street.ancestors(unit)}
    codes = dict.fromkeys(above.get(Level(name)) if name in list(Level) else name for name in names)
    return tuple(code for code in codes if code is not None and code != unit and code in street.units)[:HELPERS_AT_MOST]


def asked_for(order_id: UUID, names: Iterable[str], unit: str, task: str, street: Street) -> tuple[Help, ...]:
    """The helpers that an order has from its beginning; the same ones when it is made again."""
    units = units_named(names, unit, street)
    return tuple(Help(uuid5(order_id, code), code, task, USUAL_SHARE, None) for code in units)


def due(order: Order, help: Help) -> datetime:
    """When the helper is to be done."""
    return help.due_at or order.handle_by


def about_help(order: Order, help: Help, street: Street, now: datetime) -> dict[str, Any]:
    """What every fact about a helper says."""
    return {
        **about(order, now),
        "case_no": order.case_no,
        "help_id": help.help_id,
        "unit": help.unit,
        "org_id": street.units[help.unit].org_id,
        "task": help.task,
    }


def told_asked(order: Order, helpers: Sequence[Help], street: Street, now: datetime) -> tuple[HelpAsked, ...]:
    return tuple(
        HelpAsked(
            **about_help(order, help, street, now),
            category_name=order.category_name,
            summary=order.summary,
            place=order.place,
            asked_by=help.asked_by,
            asked_by_org=order.org_id,
            share=help.share,
            due_at=due(order, help),
        )
        for help in helpers
    )


def call_off(
    order: Order, helpers: Sequence[Help], why: HelpCause, reason: str, street: Street, now: datetime
) -> Changed:
    """These are not needed any more, and those who are at it hear of it. What they have done stays theirs."""
    ids = {help.help_id for help in helpers}
    left = tuple(replace(h, state=HelpState.CALLED_OFF) if h.help_id in ids else h for h in order.helpers)
    facts = tuple(
        HelpCalledOff(
            **about_help(order, help, street, now),
            member_ids=(help.member_id,) if help.member_id else (),
            why=why,
            reason=reason,
        )
        for help in helpers
    )
    return Changed(check_begins(replace(order, helpers=left), street, now), facts)


def check_begins(order: Order, street: Street, now: datetime) -> Order:
    """The time to check an order that was handed in begins when the last of its helpers is done."""
    if order.state is not State.HANDLED or order.open_helpers:
        return order
    check_by = max(order.check_by, deadline(now, order.clocks.check, street.calendar))
    return replace(order, stage_began_at=now, check_by=check_by)


def shares(order: Order, street: Street) -> tuple[HelpShare, ...]:
    """What the helpers get of the order's points: each member once."""
    done: defaultdict[str, list[Help]] = defaultdict(list)
    for help in order.helpers:
        if help.state is HelpState.DONE and help.member_id is not None:
            done[help.member_id].append(help)
    return tuple(
        HelpShare(
            member_id=member_id,
            org_id=street.units[mine[0].unit].org_id,
            points=sum(order.points * help.share // 100 for help in mine),
            on_time=all(help.on_time for help in mine),
            own_report=member_id == order.reported_by_member,
        )
        for member_id, mine in done.items()
    )


def go_on(order: Order, since: datetime, now: datetime, street: Street) -> tuple[Help, ...]:
    """The clock of the order goes on: a helper with a deadline of their own has what was left of it, too."""
    calendar, unit = street.calendar, order.clocks.handle.unit

    def again(help: Help) -> Help:
        if not help.is_open or help.due_at is None or help.due_at <= since:
            return help
        return replace(help, due_at=calendar.after(now, calendar.elapsed(since, help.due_at, unit), unit))

    return tuple(map(again, order.helpers))
