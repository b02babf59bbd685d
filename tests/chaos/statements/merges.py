"""Cases of the same matter: merged into one that survives, and taken out again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import asyncpg

from deploy.local.reconciliation.check import Check
from libs.contracts.incident import CaseClosed, CaseMerged, CaseUnmerged
from services.dispatch.orders.domain.order import ENDED
from tests.chaos.evidence import Evidence

DECIDED = "whatever was merged or taken out again is, and was told once"
NO_ORDER = "no order of a merged case is live"
END_TOLD = "whoever reported a merged case was told of the end of the other case"


def about_merges(evidence: Evidence) -> list[Check]:
    return [
        Check(DECIDED, tuple(_decided_wrong(evidence))),
        Check(NO_ORDER, tuple(_still_live(evidence))),
        Check(END_TOLD, tuple(_not_told(evidence))),
    ]


def merged_ever(evidence: Evidence) -> dict[UUID, set[UUID]]:
    """By the surviving case those that were merged into it at any time."""
    found: dict[UUID, set[UUID]] = defaultdict(set)
    for fact in evidence.of(CaseMerged):
        found[fact.into_case_id].add(fact.case_id)
    return found


def survivor(cases: dict[str, Any], case: asyncpg.Record) -> asyncpg.Record:
    """The case that its reporter follows: itself, or the one that it was merged into. `cases` by number."""
    return cases[case["merged_into"]] if case["merged_into"] is not None else case


def _decided_wrong(evidence: Evidence) -> Iterator[str]:
    cases = {case["case_no"]: case for case in evidence.found["incident"]["cases"]}
    ids = {case["case_id"]: case_no for case_no, case in cases.items()}
    into = Counter((ids[f.case_id], f.into_case_no) for f in evidence.of(CaseMerged))
    out = Counter((ids[f.case_id], f.from_case_no) for f in evidence.of(CaseUnmerged))
    merged = {(e.what["path"].split("/")[3], e.what["into"]) for e in evidence.asked_for("merge") if e.taken}
    apart = {e.what["path"].split("/")[3] for e in evidence.asked_for("unmerge") if e.taken}
    yield from (f"case {pair[0]} was not merged into {pair[1]}" for pair in merged if not into[pair])
    yield from (f"case {case_no} was not taken out again" for case_no in apart - {of for of, _ in out})
    for pair, times in into.items():
        stays = cases[pair[0]]["merged_into"] == pair[1]
        if times != out[pair] + stays:
            yield f"case {pair[0]} was told to be merged into {pair[1]} {times} times, and taken out {out[pair]} times"


def _still_live(evidence: Evidence) -> Iterator[str]:
    merged = {c["case_id"]: c["case_no"] for c in evidence.found["incident"]["cases"] if c["state"] == "merged"}
    for order in evidence.found["dispatch"]["orders"]:
        if order["case_id"] in merged and order["state"] not in ENDED:
            yield f"order {order['order_id']} of case {merged[order['case_id']]} is {order['state']}"


def _not_told(evidence: Evidence) -> Iterator[str]:
    """Of the closings that were told after the case was merged, whichever notify heard first."""
    heard = {row["event_id"] for row in evidence.found["notify"]["notices"]}
    who = {row["case_id"]: row["recipient_id"] for row in evidence.found["notify"]["reporters"]}
    told = {(row["event_id"], row["recipient_id"]) for row in evidence.found["notify"]["deliveries"]}
    merged = {c["case_id"]: c["case_no"] for c in evidence.found["incident"]["cases"] if c["state"] == "merged"}
    since = {fact.case_id: fact for fact in evidence.of(CaseMerged) if fact.case_id in merged}
    for case_id, fact in since.items():
        if who.get(case_id) is None:
            continue
        for closing in evidence.of(CaseClosed):
            if closing.case_id != fact.into_case_id or fact.id not in heard:
                continue
            if closing.id > fact.id and (closing.id, who[case_id]) not in told:
                yield f"{who[case_id]} reported case {merged[case_id]}, and was not told that {closing.case_no} ended"
