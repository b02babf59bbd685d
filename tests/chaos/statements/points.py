"""The ledger against the rules: what every fact earns, worked out anew from the file of rules and the recorded facts.

Written without the code of the service. Which of several deeds of a day reaches a cap depends on the order in which
they were handled, so a capped day is compared as a whole: its total, and for which facts.
"""

from __future__ import annotations

import tomllib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

import services.scoring
from deploy.local.reconciliation.check import Check
from libs.contracts.dispatch import AppealUpheld, CaseVerified, MemberChanged, OrderChecked, PatrolVisited, UnitChanged
from libs.contracts.incident import CaseEvaluated, CaseReopened
from libs.contracts.scoring import PointsPosted, PointsReversed
from libs.street_time import STREET_ZONE
from tests.chaos.evidence import Evidence

EARNED = "every member has earned what the rules give for the recorded facts, up to the cap of the day"
TAKEN_BACK = "what was undone is taken back once, and nothing else"
POSTED = "every transaction has its three postings"
TOLD = "every transaction was told as it was posted"
PASSED = "scoring knows of every order who did it and what undid it"
PEOPLE = "scoring knows the members and organisations as they were told last"

RULES = Path(next(iter(services.scoring.__path__))) / "rules" / "rules.toml"

CappedDay = tuple[str, str, date]
"""(member, rule, local day)"""


@dataclass(frozen=True, slots=True)
class Earning:
    """What a rule gives for a fact, before the cap. `order_id`: the order with which it stands and falls."""

    capped_day: CappedDay
    cause_id: UUID
    points: int
    org_id: str


def about_points(evidence: Evidence) -> list[Check]:
    rules = {rule["name"]: rule for rule in tomllib.loads(RULES.read_text(encoding="utf-8"))["rules"]}
    transactions = evidence.found["scoring"]["transactions"]
    earned = [row for row in transactions if row["kind"] == "earn"]
    return [
        Check(EARNED, tuple(_earned_wrong(_earnings(evidence, rules), earned, rules))),
        Check(TAKEN_BACK, tuple(_undoing_wrong(evidence, transactions))),
        Check(POSTED, tuple(_postings_wrong(evidence, transactions))),
        Check(TOLD, tuple(_told_wrong(evidence, transactions))),
        Check(PASSED, tuple(_orders_wrong(evidence))),
        Check(PEOPLE, tuple(_people_wrong(evidence))),
    ]


def _earnings(evidence: Evidence, rules: Mapping[str, Mapping[str, Any]]) -> list[Earning]:
    passed = {check.order_id: check for check in evidence.of(OrderChecked) if check.passed}
    found = []
    for check in evidence.of(OrderChecked):
        holds = {"passed": check.passed, "on_time": check.on_time, "own_report": check.own_report}
        earners = {"handler": (check.member_id, check.org_id), "checker": (check.checked_by, check.checked_by_org)}
        found += _by_rules(rules, check, holds, earners, check.points)
        for share in check.helped:
            holds = {"passed": check.passed, "on_time": share.on_time, "own_report": share.own_report}
            found += _by_rules(rules, check, holds, {"helper": (share.member_id, share.org_id)}, share.points)
    for evaluation in evidence.of(CaseEvaluated):
        if (done := passed.get(evaluation.order_id)) is not None:
            holds = {"satisfied": evaluation.satisfied, "on_time": done.on_time, "own_report": done.own_report}
            found += _by_rules(rules, evaluation, holds, {"handler": (done.member_id, done.org_id)}, done.points)
    for visit in evidence.of(PatrolVisited):
        holds = {"first": visit.first, "on_time": visit.on_time, "in_place": visit.in_place}
        found += _by_rules(rules, visit, holds, {"visitor": (visit.member_id, visit.org_id)}, 0)
    for looked in evidence.of(CaseVerified):
        found += _by_rules(
            rules, looked, {"on_time": looked.on_time}, {"verifier": (looked.member_id, looked.org_id)}, 0
        )
    return found


def _by_rules(
    rules: Mapping[str, Mapping[str, Any]],
    fact: OrderChecked | CaseEvaluated | CaseVerified | PatrolVisited,
    holds: Mapping[str, bool],
    earners: Mapping[str, tuple[str, str]],
    of_category: int,
) -> list[Earning]:
    found = []
    for name, rule in rules.items():
        if rule["event"] != fact.type_name() or rule["who"] not in earners:
            continue
        if all(holds[what] is wanted for what, wanted in rule["when"].items()):
            member_id, org_id = earners[rule["who"]]
            points = of_category if rule["points"] == "category" else rule["points"]
            if points:
                found.append(Earning((member_id, name, _day(fact.occurred_at)), fact.id, points, org_id))
    return found


def _day(moment: datetime) -> date:
    return moment.astimezone(STREET_ZONE).date()


def _earned_wrong(
    earnings: list[Earning], earned: list[asyncpg.Record], rules: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    due: dict[CappedDay, dict[UUID, Earning]] = defaultdict(dict)
    for earning in earnings:
        due[earning.capped_day][earning.cause_id] = earning
    posted: dict[CappedDay, list[asyncpg.Record]] = defaultdict(list)
    for row in earned:
        posted[row["member_id"], row["rule"], row["day"]].append(row)
    wrong = []
    for capped_day in due.keys() | posted.keys():
        wanted, rows = due.get(capped_day, {}), posted.get(capped_day, [])
        cap = rules[capped_day[1]].get("daily_cap", 10**9)
        total, full = sum(row["points"] for row in rows), min(cap, sum(e.points for e in wanted.values()))
        what = f"{capped_day[0]} by {capped_day[1]} on {capped_day[2]}"
        if total != full:
            wrong.append(f"{what} has earned {total}, and {full} is right")
        wrong += [
            f"{what}: {n} times for the fact {c}" for c, n in Counter(r["cause_id"] for r in rows).items() if n > 1
        ]
        for row in rows:
            right = wanted.get(row["cause_id"])
            if right is None or row["points"] > right.points or row["org_id"] != right.org_id:
                wrong.append(f"{what}: {row['points']} points for the fact {row['cause_id']}")
    return wrong


def _undoing_wrong(evidence: Evidence, transactions: Sequence[asyncpg.Record]) -> list[str]:
    """A reopened order is undone whole, a failed check undoes what was earned until then; an appeal lifts both."""
    reopened = {fact.order_id for fact in evidence.of(CaseReopened)}
    failed: dict[UUID, datetime] = {}
    for check in evidence.of(OrderChecked):
        if not check.passed:
            failed[check.order_id] = max(check.occurred_at, failed.get(check.order_id, check.occurred_at))
    reversals: dict[UUID, list[asyncpg.Record]] = defaultdict(list)
    for row in transactions:
        if row["kind"] != "earn":
            reversals[row["reverses"]].append(row)
    appealed = {fact.order_id: fact.occurred_at for fact in evidence.of(AppealUpheld)}
    wrong = []
    for row in transactions:
        if row["kind"] == "earn":
            order_id = row["order_id"]
            undone = order_id in reopened or (order_id in failed and row["occurred_at"] <= failed[order_id])
            if [each["points"] for each in reversals[row["id"]]] != [row["points"]] * undone:
                wrong.append(
                    f"{row['points']} points of {row['member_id']} for order {order_id}: taken back "
                    f"{len(reversals[row['id']])} times, and {int(undone)} is right"
                )
        if row["kind"] == "reversal":
            given = row["order_id"] in appealed and row["occurred_at"] <= appealed[row["order_id"]]
            if [each["points"] for each in reversals[row["id"]]] != [row["points"]] * given:
                wrong.append(f"reversal {row['id']}: given again {len(reversals[row['id']])} times")
    return wrong


def _postings_wrong(evidence: Evidence, transactions: Sequence[asyncpg.Record]) -> list[str]:
    posted: dict[UUID, set[tuple[str, str, int]]] = defaultdict(set)
    for row in evidence.found["scoring"]["postings"]:
        posted[row["transaction_id"]].add((row["account"], row["dimension"], row["amount"]))
    wrong = []
    for row in transactions:
        points, dimension = row["points"] * (-1 if row["kind"] == "reversal" else 1), row["dimension"]
        right = {
            (f"member:{row['member_id']}", dimension, points),
            (f"org:{row['org_id']}", dimension, points),
            (f"rule:{row['rule']}", dimension, -2 * points),
        }
        if posted[row["id"]] != right:
            wrong.append(f"transaction {row['id']}: {sorted(posted[row['id']])}")
    return wrong


def _told_wrong(evidence: Evidence, transactions: Sequence[asyncpg.Record]) -> list[str]:
    told = Counter(
        (fact.transaction_id, fact.member_id, fact.org_id, fact.points, fact.cause_id)
        for facts in (evidence.of(PointsPosted), evidence.of(PointsReversed))
        for fact in facts
    )
    posted = Counter(
        (row["id"], row["member_id"], row["org_id"], row["points"], row["cause_id"]) for row in transactions
    )
    return [
        f"transaction {what[0]}: told {told[what]} times, posted {posted[what]}"
        for what in (told - posted) + (posted - told)
    ]


def _orders_wrong(evidence: Evidence) -> list[str]:
    known = {row["order_id"]: row for row in evidence.found["scoring"]["known_orders"]}
    wrong = [
        f"order {check.order_id}: done by {check.member_id}"
        for check in evidence.of(OrderChecked)
        if check.passed and ((row := known.get(check.order_id)) is None or row["passed_by"] != check.id)
    ]
    undone = {fact.order_id for fact in evidence.of(CaseReopened)}
    return wrong + [
        f"order {order_id} was reopened"
        for order_id in undone
        if (row := known.get(order_id)) is None or row["undone_because"] != "reopened"
    ]


def _people_wrong(evidence: Evidence) -> list[str]:
    members = {f.member_id: f for f in sorted(evidence.of(MemberChanged), key=lambda f: (f.occurred_at, f.id))}
    orgs = {f.org_id: f for f in sorted(evidence.of(UnitChanged), key=lambda f: (f.occurred_at, f.id))}
    known = {r["member_id"]: (r["name"], r["org_id"], r["active"]) for r in evidence.found["scoring"]["members"]}
    known_orgs = {r["org_id"]: (r["name"], r["active"]) for r in evidence.found["scoring"]["orgs"]}
    return [
        *(f"member {m}" for m, f in members.items() if known.get(m) != (f.member_name, f.org_id, f.active)),
        *(f"organisation {o}" for o, f in orgs.items() if known_orgs.get(o) != (f.org_name, f.active)),
    ]
