"""What the timelines tell, compared with how orders, clocks and messages stand."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from deploy.local.morning.senders import Sent
from deploy.local.reconciliation import clocks, inspections, outcomes
from deploy.local.reconciliation.check import Check, Found, Rows, load
from deploy.local.reconciliation.outcomes import OutcomeCount, TimelineEntry, entries_by_order
from libs.contracts.values import Level

BETWEEN = (("org", "from_org"), ("org", "to_org"))
HANDLER = (("member", "member_id"),)
TOLD: Mapping[str, tuple[tuple[str, str], ...]] = {
    "escalated": BETWEEN,
    "sent_down": BETWEEN,
    "passed_on": (("member", "taken_from"), ("org", "from_org"), ("org", "org_id")),
    "supervised": (("member", "member_ids"),),
    "approval_asked": (("org", "decided_by_org"),),
    "approval_refused": HANDLER,
    "extended": HANDLER,
    "suspended": HANDLER,
    "resumed": HANDLER,
    "appeal_upheld": HANDLER,
    "cancelled": (("member", "member_ids"),),
}
"""Whom a step concerns: those who are named in these fields of its details."""
QUERIES: Mapping[str, Mapping[str, str]] = {
    "incident": {
        "cases": "SELECT case_id, case_no, state, request_kind, merged_into, reporter_id, closed_at, closed_by, "
        "settled_at FROM cases WHERE tenant = $1",
        "timeline": "SELECT entry_id, case_id, step, happened_at, details FROM timeline WHERE tenant = $1 "
        "ORDER BY happened_at, position",
        "clocks": "SELECT key, due_at FROM timers WHERE name = 'FeedbackClock' AND body ->> 'tenant' = $1",
    },
    "dispatch": {
        "orders": "SELECT order_id, case_id, case_no, state, unit, level, handle_by, claim_by, check_by, clocks, "
        "particulars, appointment_starts_at, extended_times, suspended_times, in_kpis, offers, lease_ends_at "
        "FROM orders WHERE tenant = $1 ORDER BY opening",
        "clocks": "SELECT key AS order_id, body ->> 'stage' AS stage, due_at FROM timers WHERE name = 'OrderClock' "
        "AND EXISTS (SELECT FROM streets WHERE tenant = $1)",
        "leases": "SELECT key FROM timers WHERE name = 'OfferLease' AND EXISTS (SELECT FROM streets WHERE tenant = $1)",
        "inspections": "SELECT order_id, case_id, case_no, state, asked, done_by, holds FROM inspections "
        "WHERE tenant = $1 ORDER BY inspection_id",
        "absences": "SELECT member_id, from_at, until_at FROM absences WHERE tenant = $1",
    },
    "scoring": {
        "taken": "SELECT order_id, sum(points) FILTER (WHERE kind = 'reversal') AS taken, "
        "sum(points) FILTER (WHERE kind = 'restore') AS given_back FROM transactions "
        "WHERE tenant = $1 AND order_id IS NOT NULL AND kind <> 'earn' GROUP BY order_id",
    },
    "notify": {
        "told": "SELECT event_id, case_id, template, occurred_at, recipient_id FROM notices "
        f"JOIN deliveries USING (tenant, event_id) WHERE tenant = $1 AND template IN {(*TOLD, 'closed')}",
        "near": "SELECT case_id, parameters ->> 'stage' AS stage FROM notices "
        "WHERE tenant = $1 AND template = 'deadline_near'",
        "away": "SELECT parameters ->> 'member_id' AS member_id, occurred_at FROM notices "
        "WHERE tenant = $1 AND template = 'member_absent'",
        "asked": "SELECT recipient_id, occurred_at FROM notices JOIN deliveries USING (tenant, event_id) "
        "WHERE tenant = $1 AND template = 'offered'",
    },
}
WENT = ("dispatched", "escalated", "sent_down", "order_moved", "passed_on")
"""Steps that say where an order is from then on."""
AT_THE_SAME_TIME = timedelta(minutes=5)
"""Of the street's: an offer that is decided while an absence begins may still go to who is about to leave."""


async def check_timelines(
    database_url: Callable[[str], str], tenant: str, sent: Sequence[Sent], ended: Mapping[str, int] | None = None
) -> tuple[list[OutcomeCount], list[Check]]:
    """How often each outcome was reached and every check. `ended`: how many orders ended at which level."""
    found = await load(database_url, tenant, QUERIES)
    entries = [outcomes.read_entry(row) for row in found["incident"]["timeline"]]
    orders = found["dispatch"]["orders"]
    counted = outcomes.count_outcomes(sent, found["incident"]["cases"], orders, entries)
    checks = [
        Check(f"{len(sent)} cases went as planned", tuple(a for each in counted for a in each.astray)),
        _where_orders_are(orders, entries),
        _everybody_was_told(found["notify"]["told"], entries),
        *_about_merges(found, orders, entries),
        *clocks.about_approvals(orders, entries),
        clocks.appeals_hold(orders, entries, found["scoring"]["taken"]),
        _nobody_absent_was_asked(found),
        _papers_came_back(orders, entries),
        *inspections.about_inspections(orders, found["dispatch"]["inspections"], entries),
        *clocks.about_timers(found, orders, entries),
    ]
    return counted, checks + ([_levels_agree(ended, orders, entries)] if ended is not None else [])


def _where_orders_are(orders: Rows, entries: Iterable[TimelineEntry]) -> Check:
    moved = entries_by_order(entries, *WENT)
    astray, count = [], Counter[str]()
    for order in orders:
        mine = moved[str(order["order_id"])]
        count.update(entry.step for entry in mine)
        last = mine[-1].details if mine else {}
        went_to = last.get("to_unit", last.get("unit")), last.get("to_level", last.get("level"))
        if went_to != (order["unit"], order["level"]):
            astray.append(f"the order of {order['case_no']} is with {order['unit']}, and went to {went_to} at last")
    return Check(
        f"{len(orders)} orders are where they went at last: {count['escalated']} times up, {count['sent_down']} down, "
        f"{count['passed_on']} to another unit",
        tuple(astray),
    )


def _levels_agree(ended: Mapping[str, int], orders: Rows, entries: Sequence[TimelineEntry]) -> Check:
    went = {id: mine[-1].details for id, mine in entries_by_order(entries, *WENT).items()}
    told = Counter(went[id].get("to_level", went[id].get("level")) for id in entries_by_order(entries, "passed"))
    differ = [
        f"{level}: {ended.get(level, 0)}, and {told[level]} by their timelines"
        for level in Level
        if ended.get(level, 0) != told[level]
    ]
    return Check(f"{told.total()} orders ended at the level that their timelines tell", tuple(differ))


def _everybody_was_told(told: Rows, entries: Iterable[TimelineEntry]) -> Check:
    heard: dict[UUID, set[str]] = defaultdict(set)
    for row in told:
        heard[row["event_id"]].add(row["recipient_id"])
    steps, silent = 0, []
    for entry in entries:
        if entry.step in TOLD:
            steps += 1
            concerned = {f"{kind}:{id}" for kind, field in TOLD[entry.step] for id in _ids(entry.details[field])}
            if heard[entry.entry_id] != concerned:
                silent.append(f"{entry.step} concerns {sorted(concerned)}, and {sorted(heard[entry.entry_id])} heard")
    return Check(f"of {steps} escalations, approvals and the like those heard whom they concern", tuple(silent))


def _ids(named: str | Sequence[str]) -> Sequence[str]:
    return [named] if isinstance(named, str) else named


def _about_merges(found: Found, orders: Rows, entries: Iterable[TimelineEntry]) -> list[Check]:
    cases = found["incident"]["cases"]
    numbers = {case["case_no"]: case for case in cases}
    by_id = {case["case_id"]: case for case in cases}
    closings: dict[UUID, dict[UUID, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in found["notify"]["told"]:
        if row["template"] == "closed":
            closings[row["case_id"]][row["event_id"]].add(row["recipient_id"])
    merged = {case["case_id"]: case for case in cases if case["state"] == "merged"}
    live = [
        f"the order of {order['case_no']} is {order['state']}"
        for order in orders
        if order["case_id"] in merged and order["state"] not in ("checked", "cancelled")
    ]
    untold = [
        f"who reported {case['case_no']} did not hear of the end of {case['merged_into']}"
        for case in merged.values()
        if case["reporter_id"]
        for heard in [closings[numbers[case["merged_into"]]["case_id"]].values()]
        if not heard or not all(f"reporter:{case['reporter_id']}" in each for each in heard)
    ]
    parted = [(by_id[e.case_id], numbers[e.details["from"]]) for e in entries if e.step == "unmerged"]
    strangers = [
        f"who reported {case['case_no']} heard of the end of {other['case_no']}"
        for case, other in parted
        if any(f"reporter:{case['reporter_id']}" in each for each in closings[other["case_id"]].values())
    ]
    return [
        Check(f"no order of {len(merged)} merged cases is live", tuple(live)),
        Check("their reporters heard of the end of the other case", tuple(untold)),
        Check(f"those of {len(parted)} cases that were taken out again did not", tuple(strangers)),
    ]


def _nobody_absent_was_asked(found: Found) -> Check:
    absences, away = found["dispatch"]["absences"], found["notify"]["away"]
    asked: dict[str, list[datetime]] = defaultdict(list)
    for row in found["notify"]["asked"]:
        asked[row["recipient_id"]].append(row["occurred_at"])
    wrong = []
    for absence in absences:
        member, until = absence["member_id"], absence["until_at"]
        begun = [a["occurred_at"] for a in away if a["member_id"] == member and absence["from_at"] <= a["occurred_at"]]
        if not begun:
            wrong.append(f"the absence of {member} was told to nobody")
        elif any(begun[0] + AT_THE_SAME_TIME < at < until for at in asked[f"member:{member}"]):
            wrong.append(f"{member} was asked while absent")
    return Check(f"{len(absences)} absences were told, and nobody absent was asked", tuple(wrong))


def _papers_came_back(orders: Rows, entries: Iterable[TimelineEntry]) -> Check:
    returned = {id: mine[-1].details["documents_returned"] for id, mine in entries_by_order(entries, "handled").items()}
    handled = [(o["case_no"], json.loads(o["particulars"]).get("documents", []), str(o["order_id"])) for o in orders]
    papers = [(case_no, wanted, returned[id]) for case_no, wanted, id in handled if id in returned]
    kept = [
        f"the resident of {case_no} has {given} again, of {wanted}"
        for case_no, wanted, given in papers
        if sorted(given) != sorted(wanted)
    ]
    errands = [wanted for _, wanted, _ in papers if wanted]
    return Check(f"{sum(map(len, errands))} papers of {len(errands)} errands came back", tuple(kept))
