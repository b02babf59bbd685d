"""Whether somebody else has looked: at every order each time that it was handed in, and at what had to be verified."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from deploy.local.reconciliation.check import Check, Row, Rows
from deploy.local.reconciliation.outcomes import TimelineEntry, entries_by_order

FOUND = {"confirm": True, "disprove": False}


def about_inspections(orders: Rows, inspections: Rows, entries: Sequence[TimelineEntry]) -> list[Check]:
    handled, looked = entries_by_order(entries, "handled"), entries_by_order(entries, "passed", "failed")
    checks: dict[Any, list[Row]] = defaultdict(list)
    for each in inspections:
        checks[each["order_id"]].append(each)
    differ, own = [], []
    for order in orders:
        mine, handlers = checks[order["order_id"]], [e.details["member_id"] for e in handled[str(order["order_id"])]]
        told = [(e.details["checked_by"], e.step == "passed") for e in looked[str(order["order_id"])]]
        found = [(i["done_by"], i["holds"]) for i in mine if i["state"] == "done"]
        if len(mine) != len(handlers) or found != told:
            differ.append(f"the order of {order['case_no']}: {len(handlers)} times handed in, {found} and {told} found")
        pairs = zip(mine, handlers, strict=False)
        own += [f"{by} and the order of {order['case_no']}" for i, by in pairs if by in (*_asked(i), i["done_by"])]
    number = sum(len(mine) for order_id, mine in checks.items() if order_id is not None)
    return [
        Check(f"each of {number} checks followed a hand-in and found what its timeline says", tuple(differ)),
        Check("nobody was sent to check, or has checked, what they had handed in", tuple(own)),
        _verified(checks[None], entries),
    ]


def _verified(inspections: Sequence[Row], entries: Sequence[TimelineEntry]) -> Check:
    decided = {e.case_id: e.details for e in entries if e.details.get("move") in FOUND}
    wrong = []
    for each in inspections:
        details = decided.get(each["case_id"])
        said = (details["by_member"], FOUND[details["move"]]) if details else None
        if each["state"] != "done" or said != (each["done_by"], each["holds"]):
            wrong.append(f"{each['case_no']}: {each['done_by']} found {each['holds']}, and the timeline says {said}")
    return Check(f"{len(inspections)} reports were verified on site, and decided as was found", tuple(wrong))


def _asked(inspection: Row) -> list[str]:
    asked: list[str] = json.loads(inspection["asked"])
    return asked
