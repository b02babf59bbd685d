"""Whether clocks were kept: moved and stopped only by approval, each fired or unset, none too early."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from deploy.local.reconciliation.check import Check, Found, Rows
from deploy.local.reconciliation.outcomes import TimelineEntry, entries_by_order
from services.dispatch.calendar.domain import NATIONAL, TimeUnit
from services.incident.feedback.domain import FEEDBACK_TIME

LATE = timedelta(hours=2)
"""Of the street's: some seconds of a demonstration, in which a sweep must have found what was due."""


def about_approvals(orders: Rows, entries: Sequence[TimelineEntry]) -> list[Check]:
    promised = entries_by_order(
        entries, "dispatched", "extended", "rescheduled", "resumed", "order_moved", "order_corrected", "continued"
    )
    stood_still = entries_by_order(entries, "suspended", "resumed")
    other_deadline, lost = [], []
    extended = suspended = 0
    for order in orders:
        mine = promised[str(order["order_id"])]
        times = [e for e in mine if e.step == "extended"]
        extended += len(times)
        earlier = [b for a, b in pairwise(mine) if b.step == "extended" and _handle_by(b) <= _handle_by(a)]
        if earlier or len(times) != order["extended_times"] or not mine or _handle_by(mine[-1]) != order["handle_by"]:
            other_deadline.append(f"the order of {order['case_no']} is to be handled by {order['handle_by']}")
        still = stood_still[str(order["order_id"])]
        suspended += order["suspended_times"]
        if len(still) != 2 * order["suspended_times"]:
            lost.append(f"the order of {order['case_no']} was suspended {order['suspended_times']} times")
        for pause, resumed in zip(still[::2], still[1::2], strict=False):
            before = _handle_by([e for e in mine if e.at < pause.at][-1])
            unit = TimeUnit(json.loads(order["clocks"])["handle"]["unit"])
            left = NATIONAL.elapsed(pause.at, before, unit), NATIONAL.elapsed(resumed.at, _handle_by(resumed), unit)
            if left[0] != left[1]:
                lost.append(f"the order of {order['case_no']} had {left[0]} left, and then {left[1]}")
    return [
        Check(f"{extended} extensions moved a deadline on, and nothing else moved one", tuple(other_deadline)),
        Check(f"{suspended} suspensions did not count: what was left is left still", tuple(lost)),
    ]


def _handle_by(entry: TimelineEntry) -> datetime:
    return datetime.fromisoformat(entry.details["handle_by"])


def appeals_hold(orders: Rows, entries: Iterable[TimelineEntry], taken: Rows) -> Check:
    upheld = entries_by_order(entries, "appeal_upheld")
    counted = [
        f"the order of {order['case_no']} {'counts' if order['in_kpis'] else 'does not count'}"
        for order in orders
        if order["in_kpis"] == (str(order["order_id"]) in upheld)
    ]
    kept = [
        f"order {row['order_id']}: {row['taken']} points taken, {row['given_back'] or 0} given back"
        for row in taken
        if (row["given_back"] or 0) != (row["taken"] if str(row["order_id"]) in upheld else 0)
    ]
    back = sum(row["given_back"] or 0 for row in taken)
    return Check(
        f"{len(upheld)} upheld appeals left the KPIs, and {back} points were given back",
        (*counted, *kept),
    )


def about_timers(found: Found, orders: Rows, entries: Sequence[TimelineEntry]) -> list[Check]:
    return [
        _each_clock_has_an_order(found, orders, entries),
        _offers_were_widened(orders, entries),
        _deadlines_were_told(found, orders, entries),
        _closed_cases_wait(found),
    ]


def _each_clock_has_an_order(found: Found, orders: Rows, entries: Sequence[TimelineEntry]) -> Check:
    live = {str(o["order_id"]) for o in orders if o["state"] not in ("checked", "cancelled")}
    overdue = entries_by_order(entries, "overdue")
    clocks = {row["order_id"] for row in found["dispatch"]["clocks"]}
    leases = {row["key"] for row in found["dispatch"]["leases"]}
    leased = {f"{o['order_id']}/{o['offers']}" for o in orders if o["lease_ends_at"] is not None}
    astray = [f"order {id}: its clock is left" for id in clocks - live]
    astray += [f"order {id} has no clock" for id in live - clocks - overdue.keys()]
    astray += [f"lease {key}" for key in leases ^ leased]
    return Check("each clock and lease of an order has fired or was unset with it", tuple(astray))


def _offers_were_widened(orders: Rows, entries: Sequence[TimelineEntry]) -> Check:
    overdue, made = entries_by_order(entries, "overdue"), entries_by_order(entries, "dispatched")
    unclaimed = [
        order
        for order in orders
        for told_of in overdue.get(str(order["order_id"]), ())[:1]
        if told_of.details["stage"] == "claim" and made[told_of.order_id or ""][0].details["level"] == "micro_grid"
    ]
    narrow = [f"the order of {order['case_no']} was offered once" for order in unclaimed if order["offers"] < 2]
    return Check(f"{len(unclaimed)} orders were offered more widely before their claim clock ran out", tuple(narrow))


def _deadlines_were_told(found: Found, orders: Rows, entries: Sequence[TimelineEntry]) -> Check:
    overdue = entries_by_order(entries, "overdue")
    told = {(e.order_id, e.at) for mine in overdue.values() for e in mine}
    silent = [
        f"order {e.order_id} went up at {e.at}, and nobody heard that its time was over"
        for e in entries
        if e.step == "escalated" and e.details["cause"] == "overdue" and (e.order_id, e.at) not in told
    ]
    # A clock that is over when it begins has no amber: after rework, or when somebody is expected in the evening.
    expected = {str(order["order_id"]) for order in orders if order["appointment_starts_at"] is not None}
    near = {(row["case_id"], row["stage"]) for row in found["notify"]["near"]}
    unwarned = [
        f"order {e.order_id} was overdue at {e.at}, and nobody was warned"
        for id in overdue.keys() - expected
        for e in overdue[id]
        if e.details["stage"] == "claim" and (e.case_id, "claim") not in near
    ]
    early = [f"order {id} at {e.at}" for id, mine in overdue.items() for e in mine if e.at < _due(e)]
    return Check(
        f"{sum(map(len, overdue.values()))} deadlines were told when they were over, and none was passed over",
        (*early, *unwarned, *silent, *_passed_over(entries)),
    )


def _passed_over(entries: Sequence[TimelineEntry]) -> list[str]:
    """Orders with which something was done only after the time to claim them was over, and nobody was told that."""
    made = {id: first for id, [first, *_] in entries_by_order(entries, "dispatched").items()}
    claim_by = {id: datetime.fromisoformat(entry.details["claim_by"]) for id, entry in made.items()}
    first = entries_by_order(
        entries, "claimed", "assigned", "cancelled", "escalated", "sent_down", "passed_on", "overdue"
    )
    return [
        f"order {id} was {then.step} at {then.at}, and was to be claimed by {claim_by[id]}"
        for id, [then, *_] in first.items()
        if then.step != "overdue" and then.at > claim_by[id] + LATE
    ]


def _closed_cases_wait(found: Found) -> Check:
    waiting = {row["key"]: row["due_at"] for row in found["incident"]["clocks"]}
    unsettled = [c for c in found["incident"]["cases"] if c["state"] == "closed" and c["settled_at"] is None]
    endless = [
        f"case {case['case_no']}"
        for case in unsettled
        if waiting.get(str(case["closed_by"])) != case["closed_at"] + FEEDBACK_TIME
    ]
    return Check(f"{len(unsettled)} closed cases wait for their reporters as long as was said", tuple(endless))


def _due(entry: TimelineEntry) -> datetime:
    return datetime.fromisoformat(entry.details["due_at"])
