"""Orders that several organisations do together, and what handlers ask the organisation above for."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from uuid import UUID

from deploy.local.reconciliation.check import Check
from libs.contracts.dispatch import (
    AppealUpheld,
    ApprovalAsked,
    ApprovalRefused,
    HelpAsked,
    HelpCalledOff,
    HelpDone,
    OrderChecked,
    OrderExtended,
    OrderSuspended,
)
from tests.chaos.evidence import Evidence
from tests.chaos.journal import Asked

WAITED_FOR = "no joint order was checked before all its helpers were done or called off"
HELPERS = "every helper stands where the facts about them have led, and nobody was done who was told to be"
SHARES = "the shares of a joint order add up to its points, and each helper has theirs"
DECIDED = "every approval that was answered is decided so, and was told once"
IN_FORCE = "whatever was granted is in force for its order"


def about_joint(evidence: Evidence) -> list[Check]:
    return [
        Check(WAITED_FOR, tuple(_not_waited_for(evidence))),
        Check(HELPERS, tuple(_helpers_wrong(evidence))),
        Check(SHARES, tuple(_shares_wrong(evidence))),
        Check(DECIDED, tuple(_approvals_wrong(evidence))),
        Check(IN_FORCE, tuple(_not_in_force(evidence))),
    ]


def _not_waited_for(evidence: Evidence) -> Iterator[str]:
    busy: dict[UUID, set[UUID]] = defaultdict(set)
    for each in evidence.facts["dispatch"]:
        match each.message:
            case HelpAsked() as fact:
                busy[fact.order_id].add(fact.help_id)
            case HelpDone() | HelpCalledOff() as fact:
                busy[fact.order_id].discard(fact.help_id)
            case OrderChecked() as fact if busy[fact.order_id]:
                yield f"order {fact.order_id} was checked before {len(busy[fact.order_id])} helpers were done"


def _helpers_wrong(evidence: Evidence) -> Iterator[str]:
    told: dict[UUID, str] = {}
    for each in evidence.facts["dispatch"]:
        match each.message:
            case HelpAsked() as fact:
                told[fact.help_id] = "asked"
            case HelpDone() as fact:
                told[fact.help_id] = "done"
            case HelpCalledOff() as fact:
                told[fact.help_id] = "called_off"
    stands: dict[UUID, str] = {}
    for row in evidence.found["dispatch"]["orders"]:
        for help in json.loads(row["helpers"]):
            stands[UUID(help["help_id"])] = "asked" if help["state"] == "assigned" else help["state"]
    for help_id in stands.keys() | told.keys():
        if stands.get(help_id) != told.get(help_id):
            yield f"helper {help_id} is {stands.get(help_id)}, and the facts say {told.get(help_id)}"
    for verb, state in (("finish", "done"), ("call_off", "called_off")):
        for asked in evidence.asked_for(verb):
            if asked.taken and stands.get(help_id := UUID(asked.what["path"].split("/")[5])) != state:
                yield f"helper {help_id} is {stands.get(help_id)}, and {verb} was answered as done"


def _shares_wrong(evidence: Evidence) -> Iterator[str]:
    """Of the points of the category, each helper who is done has so many percent, rounded down."""
    rows = {row["order_id"]: row for row in evidence.found["dispatch"]["orders"]}
    for fact in evidence.of(OrderChecked):
        row = rows[fact.order_id]
        if fact.passed and fact.points + sum(share.points for share in fact.helped) != row["points"]:
            yield f"order {fact.order_id} is worth {row['points']}: {fact.points}, and {fact.helped} for helpers"
        due: Counter[str] = Counter()
        for help in json.loads(row["helpers"]):
            if help["state"] == "done":
                due[help["member_id"]] += row["points"] * help["share"] // 100
        if fact.passed and {share.member_id: share.points for share in fact.helped} != due:
            yield f"order {fact.order_id}: {fact.helped}, and {dict(due)} is right"


def _approvals_wrong(evidence: Evidence) -> Iterator[str]:
    rows = {row["approval_id"]: row for row in evidence.found["dispatch"]["approvals"]}
    asked = Counter(fact.approval_id for fact in evidence.of(ApprovalAsked))
    ends: Counter[tuple[UUID, str]] = Counter()
    ends.update((fact.approval_id, "approved") for fact in evidence.of(OrderExtended))
    ends.update((fact.approval_id, "approved") for fact in evidence.of(OrderSuspended))
    ends.update((fact.approval_id, "approved") for fact in evidence.of(AppealUpheld))
    ends.update((fact.approval_id, "refused") for fact in evidence.of(ApprovalRefused))
    yield from (f"approval {id} was told to be asked for {n} times" for id, n in asked.items() if n != 1)
    yield from (f"approval {id} was asked for, and is not kept" for id in asked.keys() - rows.keys())
    yield from (f"approval {id} is kept, and nobody was told" for id in rows.keys() - asked.keys())
    for id, row in rows.items():
        told = {state: n for (of, state), n in ends.items() if of == id}
        if told != ({} if row["state"] == "pending" else {row["state"]: 1}):
            yield f"approval {id} is {row['state']}, and was told {told}"
    for each in evidence.asked_for("decide"):
        if each.taken and _decided(each) != (rows[_approval(each)]["state"], rows[_approval(each)]["decided_by"]):
            yield f"approval {_approval(each)} was answered as {_decided(each)}"


def _approval(asked: Asked) -> UUID:
    return UUID(asked.what["path"].split("/")[5])


def _decided(asked: Asked) -> tuple[str, str]:
    return ("approved" if asked.what["approve"] else "refused", asked.what["member_id"])


def _not_in_force(evidence: Evidence) -> Iterator[str]:
    """Every grant has moved its order, by its own count or mark."""
    granted: Counter[tuple[UUID, str]] = Counter(
        (row["order_id"], row["kind"]) for row in evidence.found["dispatch"]["approvals"] if row["state"] == "approved"
    )
    for row in evidence.found["dispatch"]["orders"]:
        mine = {kind: granted[row["order_id"], kind] for kind in ("extension", "suspension", "appeal")}
        has = {
            "extension": row["extended_times"],
            "suspension": row["suspended_times"],
            "appeal": int(not row["in_kpis"]),
        }
        if mine != has:
            yield f"order {row['order_id']} was granted {mine}, and has {has}"
