"""Proposals, raised singly and at meetings: what was raised, what was answered, and who was told."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from uuid import UUID

import asyncpg

from deploy.local.reconciliation.check import Check
from libs.contracts.incident import CaseCarriedOut, CaseClosed
from services.incident.meetings.domain import SENDER
from tests.chaos.evidence import Evidence
from tests.chaos.journal import Asked

MINUTES = "every matter of minutes that were answered is one case, and says what was raised"
DISCUSSED = "every standing matter of minutes is noted once for its meeting"
ANSWERED = "every proposal has the answer that its organisation gave"
ANSWER_TOLD = "whoever raised a proposal was told its answer once for each closing, by each of their channels"
CARRIED_OUT = "whatever plan was said to be carried out is, and was told once"

Answer = tuple[str | None, str | None]
"""(answer, day by which)"""


def about_proposals(evidence: Evidence) -> list[Check]:
    return [
        Check(MINUTES, tuple(_minutes_wrong(evidence))),
        Check(DISCUSSED, tuple(_standing_wrong(evidence))),
        Check(ANSWERED, tuple(_answers_wrong(evidence))),
        Check(ANSWER_TOLD, tuple(_not_told(evidence))),
        Check(CARRIED_OUT, tuple(_plans_wrong(evidence))),
    ]


def _minutes(evidence: Evidence) -> dict[str, list[Asked]]:
    """By the key of the meeting every attempt to record it."""
    found: dict[str, list[Asked]] = defaultdict(list)
    for each in evidence.asked_for("meetings"):
        found[each.what["key"]].append(each)
    return found


def _minutes_wrong(evidence: Evidence) -> Iterator[str]:
    asked, incident = _minutes(evidence), evidence.found["incident"]
    ids: dict[str, list[UUID]] = defaultdict(list)
    for row in incident["meetings"]:
        ids[row["idempotency_key"]].append(row["meeting_id"])
    raised: dict[UUID | None, list[asyncpg.Record]] = defaultdict(list)
    for case in sorted(incident["cases"], key=lambda case: str(case["idempotency_key"])):
        if case["sender"] == SENDER or case["meeting_id"] is not None:
            raised[case["meeting_id"]].append(case)
    yield from (f"case {case['case_no']} is of no meeting" for case in raised.pop(None, ()))
    yield from (f"meeting {key} was held by nobody" for key in ids.keys() - asked.keys())
    for key, attempts in asked.items():
        answered = [each for each in attempts if each.taken]
        if len(ids[key]) != (1 if answered else min(len(ids[key]), 1)):
            yield f"meeting {key} is recorded {len(ids[key])} times"
        for meeting_id in ids[key]:
            said = [(matter["category"], matter["text"]) for matter in attempts[0].what.get("matters", ())]
            if [(case["category"], case["text"]) for case in raised[meeting_id]] != said:
                yield f"meeting {key} raised {len(said)} matters, and {len(raised[meeting_id])} cases are of it"
            kept = [case["case_no"] for case in raised[meeting_id]]
            for each in answered:
                if [matter["case_no"] for matter in each.answer["matters"]] != kept:
                    yield f"meeting {key} was answered {each.answer['matters']}"


def _standing_wrong(evidence: Evidence) -> Iterator[str]:
    incident = evidence.found["incident"]
    keys = {row["meeting_id"]: row["idempotency_key"] for row in incident["meetings"]}
    numbers = {case["case_id"]: case["case_no"] for case in incident["cases"]}
    noted = Counter((keys[r["meeting_id"]], numbers[r["case_id"]], r["words"]) for r in incident["standing"])
    said = {
        (key, standing["case_no"], standing["words"])
        for key, attempts in _minutes(evidence).items()
        for standing in attempts[0].what.get("standing", ())
        if key in keys.values()
    }
    yield from (f"{what} was noted {noted[what]} times" for what in said | noted.keys() if noted[what] != 1)
    yield from (f"{what} was said by nobody" for what in noted.keys() - said)


def _answers_wrong(evidence: Evidence) -> Iterator[str]:
    given: dict[str, set[Answer]] = defaultdict(set)
    for each in evidence.asked_for("hand_in"):
        given[each.what["path"].split("/")[3]].add((each.what.get("answer"), each.what.get("planned_for")))
    proposals = {c["case_id"]: c for c in evidence.found["incident"]["cases"] if c["request_kind"] == "proposal"}
    told: dict[UUID, list[CaseClosed]] = defaultdict(list)
    for fact in evidence.of(CaseClosed):
        told[fact.case_id].append(fact)
        answer = _answer(fact.proposal_answer, fact.planned_for)
        if fact.case_id in proposals and answer not in given[str(fact.order_id)]:
            yield f"case {fact.case_no} was answered {answer}, and {given[str(fact.order_id)]} was given"
    for case_id, case in proposals.items():
        if case["state"] == "closed":
            kept = _answer(case["answer"], case["planned_for"])
            if kept not in {_answer(fact.proposal_answer, fact.planned_for) for fact in told[case_id]}:
                yield f"case {case['case_no']} says {kept}, and that was not told"


def _answer(answer: object, planned_for: object) -> Answer:
    return (None if answer is None else str(answer), None if planned_for is None else str(planned_for))


def _not_told(evidence: Evidence) -> Iterator[str]:
    proposals = {c["case_id"]: c for c in evidence.found["incident"]["cases"] if c["request_kind"] == "proposal"}
    raised_by = {r["case_id"]: r["recipient_id"] for r in evidence.found["notify"]["reporters"]}
    sent: Counter[tuple[UUID, str, str]] = Counter(
        (row["event_id"], row["recipient_id"], row["channel"]) for row in evidence.found["notify"]["deliveries"]
    )
    reached = {(event, recipient) for event, recipient, _ in sent}
    closed = [fact for fact in evidence.of(CaseClosed) if fact.case_id in proposals]
    for fact in closed:
        who = raised_by.get(fact.case_id)
        if who is not None and (fact.id, who) not in reached:
            yield f"{who} was not told the answer to case {fact.case_no}"
    times = Counter(fact.order_id for fact in closed)
    yield from (f"the answer of order {order_id} was told {n} times" for order_id, n in times.items() if n > 1)
    answers = {fact.id for fact in closed}
    yield from (f"{key} was told {n} times" for key, n in sent.items() if key[0] in answers and n > 1)


def _plans_wrong(evidence: Evidence) -> Iterator[str]:
    cases = {case["case_no"]: case for case in evidence.found["incident"]["cases"]}
    told = Counter(fact.case_no for fact in evidence.of(CaseCarriedOut))
    done = {each.what["path"].split("/")[4] for each in evidence.asked_for("done") if each.taken}
    for case_no in done:
        if cases[case_no]["carried_out_at"] is None and not cases[case_no]["reopened_times"]:
            yield f"case {case_no} is not carried out"
    for case_no in done | told.keys():
        if told[case_no] != 1 and not cases[case_no]["reopened_times"]:
            yield f"that case {case_no} is carried out was told {told[case_no]} times"
