"""What is promised of cases and orders, over HTTP and across the four services, on one street whose time goes on."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

from deploy.local.system import ROOT
from libs.transitions import NEEDS, ROLES, Need, Role
from tests.end_to_end.standing import LAMP, TO_VERIFY, Json, Standing

NOT_STAFF = ("the clock", "a fact of another service", "the reporter", "a resident")
Row = tuple[str | None, str, frozenset[str]]


def moves_in_docs(aggregate: str) -> dict[str, dict[str, set[Row]]]:
    """What docs/transitions.md says of an aggregate: for each state the moves from it, as (to, who, needs)."""
    page = (ROOT / "docs" / "transitions.md").read_text(encoding="utf-8")
    table = re.split(r"^## ", page.split(f"## {aggregate} ", 1)[1], flags=re.M)[0]
    found: dict[str, dict[str, set[Row]]] = {}
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 6 or cells[0].startswith(("move", "---")):
            continue
        move, origins, to, who, _, needs = cells
        english = re.sub(r"[^\x00-\x7f]+", "", who).strip()
        wanted = frozenset(re.sub(r"[^\x00-\x7f]+", "", n).strip() for n in needs.split("<br>")) - {""}
        row = None if to == "—" else to.split()[0], english, wanted
        for origin in origins.split(", "):
            found.setdefault(origin.split()[0], {}).setdefault(move.split()[0], set()).add(row)
    return found


def listed(moves: dict[str, set[Row]]) -> Counter[Row]:
    """But for what needs a point that is in doubt, which these are not."""
    found = (row for rows in moves.values() for row in rows if row[1] not in NOT_STAFF)
    return Counter(row for row in found if NEEDS[Need.OTHER_UNIT].en not in row[2])


def refused(answer: Any, state: str, moves: dict[str, set[Row]]) -> None:
    """409, why, and the moves that the docs list for the state."""
    assert answer.status_code == 409, answer.text
    problem = answer.json()
    assert problem["state"] == state
    assert problem["detail"]
    allowed = Counter(
        (a["leads_to"], ROLES[Role(a["who"])].en, frozenset(NEEDS[Need(each)].en for each in a["needs"]))
        for a in problem["allowed"]
    )
    assert allowed == listed(moves)


ORDER_BODIES: dict[str, tuple[str, dict[str, object]]] = {
    "claim": ("claim", {}),
    "start": ("start", {}),
    "hand_in": ("hand_in", {"note": "已处置。", "photos": ["photo"]}),
    "give_back": ("give_back", {"reason": "不会修。"}),
    "assign": ("assign", {"to_member": "M0001", "reason": "就近。"}),
    "raise": ("raise", {"reason": "beyond_means"}),
    "send_down": ("send_down", {"unit": "37078400420101", "reason": "就近。"}),
    "pass_check": ("check", {"passed": True}),
    "fail_check": ("check", {"passed": False, "note": "仍不亮。"}),
    "extend": ("approvals", {"kind": "extension", "reason": "weather", "note": "下雨。", "amount": 1}),
    "suspend": ("approvals", {"kind": "suspension", "reason": "season", "note": "开春。", "amount": 1}),
    "appeal": ("approvals", {"kind": "appeal", "reason": "unfair", "note": "复核。"}),
    "resume": ("resume", {}),
    "supervise": ("supervise", {"note": "尽快。"}),
}


def test_what_the_table_of_orders_does_not_have_is_refused_with_what_it_has(standing: Standing) -> None:
    table = moves_in_docs("order")
    receipt = standing.report()

    def nothing_else_is_possible(state: str) -> None:
        order = standing.order(receipt, state)
        impossible = [verb for verb in ORDER_BODIES if verb not in table[state]]
        assert impossible
        for move in impossible:
            verb, body = ORDER_BODIES[move]
            wish = {"member_id": standing.desk, **body}
            refused(standing.post("dispatch", f"/v1/orders/{order['order_id']}/{verb}", wish), state, table[state])

    order = standing.order(receipt)
    member = order["offered_to"][0]
    nothing_else_is_possible("offered")
    claimed = standing.act(order, "claim", member)
    nothing_else_is_possible("claimed")
    standing.act(claimed, "start")
    nothing_else_is_possible("handling")
    asked = standing.act(claimed, "approvals", kind="suspension", reason="season", note="开春后。", amount=3)
    standing.act(claimed, f"approvals/{asked['approval_id']}/decide", standing.desk, approve=True)
    nothing_else_is_possible("suspended")
    standing.act(claimed, "resume")
    standing.act(claimed, "hand_in", note="已换灯泡。", photos=["photo-after"])
    nothing_else_is_possible("handled")
    standing.act(claimed, "check", standing.somebody_else(member), passed=True)
    nothing_else_is_possible("checked")


CASE_BODIES: dict[str, tuple[str, dict[str, object]]] = {
    "accept": ("accept", {}),
    "reject": ("reject", {"reason": "unclear"}),
    "confirm": ("verify", {"true_report": True, "note": "属实。"}),
    "disprove": ("verify", {"true_report": False, "note": "不属实。"}),
    "void": ("void", {"reason": "mistaken"}),
    "unmerge": ("unmerge", {"note": "另一处。"}),
}


def test_what_the_table_of_cases_does_not_have_is_refused_with_what_it_has(standing: Standing) -> None:
    table = moves_in_docs("case")

    def nothing_else_is_possible(receipt: Json, state: str) -> None:
        standing.case(receipt, state)
        for move in set(CASE_BODIES) - set(table.get(state, {})):
            verb, body = CASE_BODIES[move]
            refused(standing.decide(receipt, verb, **body), state, table.get(state, {}))

    verified, worked_on, voided, kept = (standing.report(c, unit=9) for c in (TO_VERIFY, LAMP, LAMP, LAMP))
    nothing_else_is_possible(verified, "verifying")
    standing.done(standing.decide(verified, "verify", true_report=False, note="现场无此情况。"))
    nothing_else_is_possible(verified, "rejected")
    nothing_else_is_possible(worked_on, "registered")
    standing.closed(worked_on)
    nothing_else_is_possible(worked_on, "closed")
    standing.done(standing.decide(voided, "void", reason="mistaken"))
    nothing_else_is_possible(voided, "void")
    standing.done(standing.decide(kept, "merge", into=standing.report(LAMP, unit=9)["case_no"]))
    nothing_else_is_possible(kept, "merged")


def test_whoever_reported_a_merged_case_hears_of_the_end_of_the_other(standing: Standing) -> None:
    first, second = standing.report(unit=20), standing.report(unit=20, text="东头路灯两晚不亮了。")
    candidates = standing.done(standing.get("incident", f"/v1/cases/{second['case_no']}/candidates"))
    assert first["case_no"] in [each["case_no"] for each in candidates]
    standing.order(second)
    standing.done(standing.decide(second, "merge", into=first["case_no"]))
    standing.order(second, "cancelled")
    standing.closed(first)
    standing.rest()
    for receipt in (first, second):
        shown = standing.done(standing.get("incident", f"/v1/track/{receipt['tracking_code']}"))
        assert (shown["state"], shown["joined"]) == ("closed", receipt is second)
        # Each with their own link.
        assert [m for m in mails(standing) if receipt["tracking_code"] in m and "已结案" in m]


def mails(standing: Standing) -> list[str]:
    read = [
        message_from_bytes(path.read_bytes(), policy=default) for path in (standing.local.folder / "mail").iterdir()
    ]
    return [f"{mail['subject']}\n{body.get_content()}" for mail in read if (body := mail.get_body())]


def test_a_finding_of_a_patrol_becomes_a_case_and_the_visit_is_covered(standing: Standing) -> None:
    micro = standing.micro_grids[40]
    campaign = standing.done(
        standing.post(
            "dispatch",
            "/v1/campaigns",
            {
                "name_zh": "消防巡查",
                "name_en": "Fire patrol",
                "areas": [micro.code],
                "recurrence": "FREQ=DAILY",
                "begins_at": (standing.now() + timedelta(minutes=10)).isoformat(),
                "window_minutes": 120,
                "checklist": [{"name": "消防通道畅通"}],
                "category": "12004",
            },
        )
    )
    standing.later(timedelta(minutes=11))

    def begun() -> Json | None:
        rounds = standing.done(standing.get("dispatch", f"/v1/campaigns/{campaign['campaign_id']}/rounds"))
        return rounds[0] if rounds else None

    round_id = standing.until("the round", begun)["round_id"]
    [task] = standing.done(standing.get("dispatch", f"/v1/patrols/rounds/{round_id}/tasks"))
    corner = {"longitude": micro.ring[0][0], "latitude": micro.ring[0][1]}
    visit = {
        "key": "visit-1",
        "round_id": round_id,
        "unit": task["unit"],
        "member_id": task["member_id"],
        "visited_at": standing.now().isoformat(),
        "point": corner,
        "answers": [{"item": "消防通道畅通", "value": False}],
        "findings": [{"category": "12004", "description": "楼道口堆放杂物，堵塞消防通道。"}],
    }
    receipt = standing.done(standing.post("dispatch", "/v1/patrols/visits", visit))

    def reported() -> str | None:
        shown = standing.done(standing.get("dispatch", f"/v1/patrols/visits/{receipt['visit_id']}"))
        number: str | None = shown["findings"][0]["case_no"]
        return number

    number = standing.until("the case of the finding", reported)
    case = standing.done(standing.get("incident", f"/v1/cases/{number}"))
    assert (case["request_kind"], case["category"]) == ("patrol", "12004")
    day = (standing.now() + timedelta(hours=8)).date().isoformat()
    [covered] = standing.done(
        standing.get("dispatch", "/v1/patrols/coverage", first=day, under=micro.parent, level="micro_grid")
    )
    assert (covered["unit"], covered["planned"], covered["visited"], covered["percent"]) == (micro.code, 1, 1, 100.0)
    standing.done(standing.post("dispatch", f"/v1/campaigns/{campaign['campaign_id']}/end", {}))
