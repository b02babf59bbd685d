"""What people asked for and were told that it is done, against the facts; and facts that nobody asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from deploy.local.reconciliation.check import Check
from libs.contracts.dispatch import OrderChecked, OrderClaimed, OrderHandled, OrderReturned
from libs.contracts.incident import CaseEvaluated, CaseRegistered
from tests.chaos.evidence import Evidence
from tests.chaos.journal import Asked
from tests.chaos.statements.merges import survivor

DONE = "whatever was answered as done is done"
ASKED = "nobody did anything to an order that was not asked for"
EVALUATED = "every evaluation that was taken is stored as it was given"
DECIDED = "every decision of the desk that was taken has registered its case"
NOTED = "every order has the note of a member who handed it in"
NO_SURPRISE = "nothing happened to the people that must not happen"

Deed = tuple[str, UUID, str, bool | None]
"""(verb, order, member, whether a check passed)"""


def about_commands(evidence: Evidence) -> list[Check]:
    asked = evidence.asked_for("claim", "hand_in", "give_back", "check")
    deeds: Counter[Deed] = Counter(
        [
            *(("claim", fact.order_id, fact.member_id, None) for fact in evidence.of(OrderClaimed)),
            *(("hand_in", fact.order_id, fact.member_id, None) for fact in evidence.of(OrderHandled)),
            *(("give_back", fact.order_id, fact.member_id, None) for fact in evidence.of(OrderReturned)),
            *(("check", fact.order_id, fact.checked_by, fact.passed) for fact in evidence.of(OrderChecked)),
        ]
    )
    wishes = Counter(map(_deed, asked))
    answered = {_deed(each) for each in asked if each.taken}
    return [
        Check(DONE, tuple(f"{_shown(deed)} was answered as done" for deed in answered if not deeds[deed])),
        Check(
            ASKED,
            tuple(
                f"{_shown(deed)} happened {times} times and was asked for {wishes[deed]} times"
                for deed, times in deeds.items()
                if times > wishes[deed]
            ),
        ),
        Check(EVALUATED, tuple(_evaluations_wrong(evidence))),
        Check(DECIDED, tuple(_decisions_wrong(evidence))),
        Check(NOTED, tuple(_notes_wrong(evidence))),
        Check(NO_SURPRISE, tuple(each.what["what"] for each in evidence.asked_for("surprise"))),
    ]


def _deed(asked: Asked) -> Deed:
    return asked.kind, _order(asked.what), asked.what["member_id"], asked.what.get("passed")


def _order(what: Mapping[str, Any]) -> UUID:
    """Of a path such as /v1/orders/<id>/claim."""
    return UUID(what["path"].split("/")[3])


def _shown(deed: Deed) -> str:
    verb, order_id, member_id, passed = deed
    how = "" if passed is None else " (passed)" if passed else " (failed)"
    return f"{verb}{how} of order {order_id} by {member_id}"


def _evaluations_wrong(evidence: Evidence) -> list[str]:
    by_number = {case["case_no"]: case for case in evidence.found["incident"]["cases"]}
    by_code = {case["tracking_code"]: survivor(by_number, case) for case in by_number.values()}
    stored = Counter(
        (row["case_id"], row["satisfied"], row["words"]) for row in evidence.found["incident"]["evaluations"]
    )
    told = Counter((fact.case_id, fact.satisfied) for fact in evidence.of(CaseEvaluated))
    wrong = []
    for each in evidence.asked_for("feedback"):
        if not each.taken:
            continue
        code, satisfied, words = each.what["path"].split("/")[3], each.what["satisfied"], each.what["words"]
        case = by_code.get(code)
        if case is None or not stored[case["case_id"], satisfied, words] or not told[case["case_id"], satisfied]:
            wrong.append(f"case {case['case_no'] if case else code}: {words}")
    return wrong


def _decisions_wrong(evidence: Evidence) -> list[str]:
    registered = {fact.case_no for fact in evidence.of(CaseRegistered)}
    taken = {e.what["path"].split("/")[3] for e in evidence.asked_for("accept", "verify") if e.taken}
    return [f"case {case_no}" for case_no in taken - registered]


def _notes_wrong(evidence: Evidence) -> list[str]:
    notes: dict[UUID, set[str]] = {}
    for each in evidence.asked_for("hand_in"):
        notes.setdefault(_order(each.what), set()).add(each.what["note"])
    return [
        f"order {row['order_id']}: {row['note'][:60]!r}"
        for row in evidence.found["dispatch"]["orders"]
        if row["handled_at"] is not None and row["note"] not in notes.get(row["order_id"], ())
    ]
