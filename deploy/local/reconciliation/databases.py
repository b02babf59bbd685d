"""Compares what was sent with what the four databases hold, and the databases with one another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from deploy.local.morning.senders import Sent
from deploy.local.reconciliation.check import Check, Found, Row, Rows, load

QUERIES: Mapping[str, Mapping[str, str]] = {
    "incident": {
        "cases": "SELECT case_id, case_no, sender, idempotency_key, tracking_code, state, opened "
        "FROM cases WHERE tenant = $1",
    },
    "dispatch": {
        "orders": "SELECT order_id, case_id, state, member_id, opening FROM orders WHERE tenant = $1",
        "tasks": "SELECT round_id, unit, member_id, state FROM patrol_tasks WHERE tenant = $1",
        "visits": "SELECT visit_id, key, round_id, unit, member_id, on_time, in_place, first FROM visits "
        "WHERE tenant = $1",
        "findings": "SELECT finding_id, state, case_id FROM findings WHERE tenant = $1",
        "open_orders": "SELECT member_id, open_orders FROM members WHERE tenant = $1 AND open_orders > 0",
    },
    "scoring": {
        "transactions": "SELECT id, kind, rule, member_id, cause_id, points, reverses FROM transactions "
        "WHERE tenant = $1",
        "postings": "SELECT transaction_id, account, dimension, amount FROM postings WHERE tenant = $1",
        "accounts": "SELECT account, dimension, balance FROM accounts WHERE tenant = $1",
        "passed": "SELECT order_id FROM orders WHERE tenant = $1 AND passed_at IS NOT NULL",
    },
    "notify": {
        "deliveries": "SELECT delivery_id, state, channel FROM deliveries WHERE tenant = $1",
        "copies": "SELECT event_id, recipient_id, channel FROM deliveries WHERE tenant = $1 "
        "GROUP BY 1, 2, 3 HAVING count(*) > 1",
        "known_cases": "SELECT case_id FROM cases WHERE tenant = $1 AND follower_of IS NULL",
        "assigned_told": "SELECT DISTINCT recipient_id FROM deliveries JOIN notices USING (tenant, event_id) "
        "WHERE tenant = $1 AND template = 'patrol_assigned'",
        "offers_told": "SELECT DISTINCT case_id FROM notices WHERE tenant = $1 AND template = 'offered'",
    },
}
CASE_STATES_OF: Mapping[str, Collection[str]] = {
    "cancelled": ("void", "merged"),
    "offered": ("registered", "in_progress"),
    "claimed": ("in_progress",),
    "handling": ("in_progress",),
    "suspended": ("in_progress",),
    "handled": ("resolved",),
    "checked": ("closed",),
}
PATROL_SENDER = "dispatch-patrol"
PATROL_POINTS_A_DAY = 10


async def reconcile(
    database_url: Callable[[str], str],
    tenant: str,
    sent: Sequence[Sent] | None = None,
    visits: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Check]:
    """Every check, in the order of a report's life. Without `sent` nothing is said about what was sent, and without
    `visits`, receipts by key, nothing about who has been where."""
    found = await load(database_url, tenant, QUERIES)
    checks = _about_reports(found["incident"]["cases"], sent) if sent is not None else []
    checks += [_each_visit_is_kept(found["dispatch"]["visits"], visits)] if visits is not None else []
    return [*checks, *agreement(found), _nothing_given_up(found)]


def agreement(found: Found, ended_too_late: Collection[UUID] = ()) -> list[Check]:
    """Whether the four databases tell the same, whatever was sent. `ended_too_late`: cases that were voided or merged
    when their order was checked already."""
    cases, orders = found["incident"]["cases"], found["dispatch"]["orders"]
    return [
        *_about_orders(cases, orders, found["dispatch"]["open_orders"], ended_too_late),
        *_about_patrols(found),
        *_about_points(orders, **found["scoring"]),
        *_about_notifications(cases, orders, **found["notify"]),
        _all_published(found),
    ]


def _about_reports(cases: Rows, sent: Sequence[Sent]) -> list[Check]:
    stored = Counter((case["sender"], case["idempotency_key"]) for case in cases)
    receipts = {(case["sender"], case["idempotency_key"]): (case["case_id"], case["tracking_code"]) for case in cases}
    reports = {(each.plan.sender, each.plan.idempotency_key): each for each in sent}
    requests = sum(len(each.receipts) for each in sent)
    not_once = [f"{key} {report}: {stored[key, report]} cases" for key, report in reports if stored[key, report] != 1]
    never_sent = [
        f"{sender} {key} is a case, and was not sent"
        for sender, key in stored
        if (sender, key) not in reports and sender != PATROL_SENDER
    ]
    other_answers = [
        f"{sender} {key} was answered {receipt.case_no}"
        for (sender, key), each in reports.items()
        for receipt in each.receipts
        if receipts.get((sender, key)) != (receipt.case_id, receipt.tracking_code)
    ]
    return [
        Check(f"{len(reports)} reports were sent, and each is exactly one case", (*not_once, *never_sent)),
        Check(f"{requests} requests were answered, copies with the answer to the first", tuple(other_answers)),
    ]


def _about_orders(cases: Rows, orders: Rows, open_orders: Rows, ended_too_late: Collection[UUID]) -> list[Check]:
    by_case: dict[Any, list[Row]] = {}
    for order in sorted(orders, key=lambda o: o["opening"]):
        by_case.setdefault(order["case_id"], []).append(order)
    registered = [case for case in cases if case["opened"]]
    return [
        _one_order_for_each_opening(registered, by_case),
        _one_live_order_at_most(orders),
        _no_order_without_a_case(registered, orders),
        _case_and_order_agree([case for case in registered if case["case_id"] not in ended_too_late], by_case),
        _open_orders_are_counted(orders, open_orders),
    ]


def _one_order_for_each_opening(registered: Rows, by_case: Mapping[Any, Rows]) -> Check:
    wrong = [
        f"case {case['case_no']} was opened {case['opened']} times and has {len(mine)} orders"
        for case in registered
        for mine in [by_case.get(case["case_id"], [])]
        if [order["opening"] for order in mine] != list(range(case["opened"]))
    ]
    return Check(f"{len(registered)} registered cases have one order for each time they were opened", tuple(wrong))


def _one_live_order_at_most(orders: Rows) -> Check:
    live = Counter(order["case_id"] for order in orders if order["state"] not in ("checked", "cancelled"))
    return Check("no case has two live orders", tuple(f"case {case}: {n}" for case, n in live.items() if n > 1))


def _no_order_without_a_case(registered: Rows, orders: Rows) -> Check:
    known = {case["case_id"] for case in registered}
    strangers = [f"order {order['order_id']}" for order in orders if order["case_id"] not in known]
    return Check(f"each of {len(orders)} orders belongs to a registered case", tuple(strangers))


def _case_and_order_agree(registered: Rows, by_case: Mapping[Any, Rows]) -> Check:
    differ = [
        f"case {case['case_no']} is {case['state']}, its order {by_case[case['case_id']][-1]['state']}"
        for case in registered
        if case["case_id"] in by_case and case["state"] not in CASE_STATES_OF[by_case[case["case_id"]][-1]["state"]]
    ]
    return Check("case and order tell the same", tuple(differ))


def _open_orders_are_counted(orders: Rows, open_orders: Rows) -> Check:
    weight = Counter(order["member_id"] for order in orders if order["state"] in ("claimed", "handling"))
    said = {row["member_id"]: row["open_orders"] for row in open_orders}
    differ = [
        f"member {m}: {weight[m]}, and {said.get(m, 0)} is noted"
        for m in {*weight, *said}
        if weight[m] != said.get(m, 0)
    ]
    return Check("every member's open orders are counted right", tuple(differ))


def _each_visit_is_kept(visits: Rows, answered: Mapping[str, Mapping[str, Any]]) -> Check:
    stored = {visit["key"]: str(visit["visit_id"]) for visit in visits}
    lost = [f"visit {key}" for key, receipt in answered.items() if stored.get(key) != receipt["visit_id"]]
    never_made = [f"visit {key} was not made" for key in stored.keys() - answered.keys()]
    return Check(f"{len(answered)} visits were answered, and each is kept once", (*lost, *never_made))


def _about_patrols(found: Found) -> list[Check]:
    tasks, visits, findings = (found["dispatch"][name] for name in ("tasks", "visits", "findings"))
    on_time: dict[Any, set[bool]] = {}
    for visit in visits:
        on_time.setdefault((visit["round_id"], visit["unit"]), set()).add(visit["on_time"])
    state_for = {frozenset({True}): "visited", frozenset({True, False}): "visited", frozenset({False}): "late"}
    differ = [
        f"unit {task['unit']} is {task['state']}"
        for task in tasks
        if task["state"] != state_for.get(frozenset(on_time.get((task["round_id"], task["unit"]), ())), "missed")
    ]
    count = Counter(task["state"] for task in tasks)
    cases = {case["idempotency_key"]: case for case in found["incident"]["cases"] if case["sender"] == PATROL_SENDER}
    astray = [
        f"finding {finding['finding_id']} is {finding['state']}"
        for finding in findings
        if cases.get(str(finding["finding_id"]), {"case_id": None})["case_id"] != finding["case_id"]
        or finding["state"] == "pending"
    ]
    strangers = cases.keys() - {str(finding["finding_id"]) for finding in findings}
    assigned = {f"member:{task['member_id']}" for task in tasks if task["member_id"]}
    untold = assigned ^ {row["recipient_id"] for row in found["notify"]["assigned_told"]}
    return [
        Check(
            f"{len(tasks)} patrol tasks were planned: {count['visited']} visited, {count['late']} late, "
            f"{count['missed']} missed",
            tuple(differ),
        ),
        Check(f"{len(findings)} findings have one case each, and know its number", (*astray, *strangers)),
        Check(f"{len(assigned)} members were told of their patrol tasks", tuple(untold)),
        _visits_have_earned(visits, found["scoring"]["transactions"]),
    ]


def _visits_have_earned(visits: Rows, transactions: Rows) -> Check:
    """One point for each that was the first, in time and in place, up to the cap of a day."""
    good = Counter(v["member_id"] for v in visits if v["first"] and v["on_time"] and v["in_place"])
    earned: Counter[str] = Counter()
    for transaction in transactions:
        if transaction["rule"] == "patrol_visited":
            earned[transaction["member_id"]] += transaction["points"]
    wrong = [
        f"member {member}: {number} visits, {earned[member]} points"
        for member, number in good.items()
        if earned[member] != min(number, PATROL_POINTS_A_DAY)
    ]
    return Check(f"{good.total()} visits have earned their points", (*wrong, *(earned.keys() - good.keys())))


def _about_points(
    orders: Rows, transactions: Rows, postings: Rows, accounts: Rows, passed: Rows, **_: Rows
) -> list[Check]:
    by_id = {t["id"]: t for t in transactions}
    sums: Counter[Any] = Counter()
    balances: Counter[tuple[str, str]] = Counter()
    for posting in postings:
        sums[posting["transaction_id"]] += posting["amount"]
        balances[posting["account"], posting["dimension"]] += posting["amount"]
    stated = {(a["account"], a["dimension"]): a["balance"] for a in accounts}
    total = sum(stated.values())
    unbalanced = [f"transaction {t}: {n}" for t, n in sums.items() if n] + ([f"all accounts: {total}"] if total else [])
    differ = [
        f"{account} in {dimension}: {stated.get((account, dimension), 0)}, postings {balances[account, dimension]}"
        for account, dimension in {*balances, *stated}
        if balances[account, dimension] != stated.get((account, dimension), 0)
    ]
    earned = Counter((t["cause_id"], t["member_id"], t["rule"]) for t in transactions if t["kind"] == "earn")
    reversals = [t for t in transactions if t["kind"] != "earn"]
    inexact = [f"transaction {t['id']}" for t in reversals if by_id[t["reverses"]]["points"] != t["points"]]
    checked = {o["order_id"] for o in orders if o["state"] == "checked"}
    unheard = [f"order {o}" for o in checked ^ {row["order_id"] for row in passed}]
    return [
        Check(f"{len(postings)} postings of {len(transactions)} transactions add up to zero", tuple(unbalanced)),
        Check(f"{len(stated)} balances are what their postings add up to", tuple(differ)),
        Check("each fact earned once by each rule", tuple(f"{key}: {n}" for key, n in earned.items() if n > 1)),
        Check(f"{len(reversals)} reversals are the exact opposite", tuple(inexact)),
        Check(f"scoring knows the {len(checked)} orders that were checked, and no others", tuple(unheard)),
    ]


def _about_notifications(
    cases: Rows, orders: Rows, deliveries: Rows, copies: Rows, known_cases: Rows, offers_told: Rows, **_: Rows
) -> list[Check]:
    open_ended = [
        f"delivery {d['delivery_id']} is {d['state']}" for d in deliveries if d["state"] in ("queued", "sending")
    ]
    unknown = {c["case_id"] for c in cases} ^ {k["case_id"] for k in known_cases}
    untold = {o["case_id"] for o in orders} - {row["case_id"] for row in offers_told}
    return [
        Check("notify knows every case", tuple(f"case {case}" for case in unknown)),
        Check("members were told of the order of every case", tuple(f"case {case}" for case in untold)),
        Check(f"each of {len(deliveries)} notifications has ended", tuple(open_ended)),
        Check("nobody was told the same twice", tuple(f"{row['recipient_id']}" for row in copies)),
    ]


def _all_published(found: Found) -> Check:
    unsent = [f"{service}: {len(rows['unsent'])} facts" for service, rows in found.items() if rows["unsent"]]
    return Check("every fact was published", tuple(unsent))


def _nothing_given_up(found: Found) -> Check:
    parked = [
        f"{service}: {row['subject']}: {row['reason']}" for service, rows in found.items() for row in rows["parked"]
    ]
    return Check("no message is parked or waits to be handled again", tuple(parked))
