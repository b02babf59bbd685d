"""What is promised for later: reopening, history, deadlines after an outage, and the end of the reporter's time."""

from __future__ import annotations

import asyncio
import csv
import io
import subprocess
import sys
from datetime import datetime, timedelta

import asyncpg

from deploy.local.system import ROOT, TENANT
from tests.end_to_end.standing import PIPE, Json, Standing

WAITS_FOR_AN_ACCEPTOR = "11010"


def at(time: str) -> datetime:
    return datetime.fromisoformat(time)


def test_a_reporter_reopens_twice_and_the_second_time_the_street_has_it(standing: Standing) -> None:
    receipt = standing.report(unit=100)
    first = standing.closed(receipt)
    assert standing.done(standing.rate(receipt, satisfied=False))["reopened"]
    again = standing.closed(receipt, opening=1)
    assert (again["unit"], again["level"]) == (first["unit"], "micro_grid")
    assert standing.done(standing.rate(receipt, satisfied=False))["reopened"]
    last = standing.closed(receipt, opening=2)
    assert (last["unit"], last["level"]) == (TENANT, "street")
    # No more: it is noted, and the case stays closed.
    assert not standing.done(standing.rate(receipt, satisfied=False))["reopened"]
    assert standing.case(receipt, "closed")["reopened_times"] == 2


def test_a_history_shows_how_it_was_and_a_changed_row_is_found(standing: Standing) -> None:
    receipt = standing.report(unit=110)
    standing.order(receipt)
    standing.case(receipt, "registered")
    before = standing.now()
    standing.closed(receipt)
    path = f"/v1/cases/{receipt['case_no']}"
    then = standing.done(standing.get("incident", path, as_of=before.isoformat()))
    assert then["state"] == "registered"
    assert all(at(step["recorded_at"]) <= before for step in then["timeline"])
    assert standing.get("incident", path, as_of=(before - timedelta(days=1)).isoformat()).status_code == 404

    assert "every link holds" in verify(standing, receipt).stdout
    asyncio.run(tamper(standing, receipt, "-1 hour"))
    found = verify(standing, receipt)
    assert (found.returncode, "(claimed) is not what was recorded" in found.stderr) == (1, True)
    asyncio.run(tamper(standing, receipt, "1 hour"))
    assert verify(standing, receipt).returncode == 0


def verify(standing: Standing, receipt: Json) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "wangge", "case", "verify", receipt["case_no"], "--tenant", TENANT]
    return subprocess.run(
        command, cwd=ROOT, env=standing.local.environment, capture_output=True, text=True, check=False
    )


async def tamper(standing: Standing, receipt: Json, by: str) -> None:
    """Who claimed it did so earlier or later, by the row of the timeline."""
    connection = await asyncpg.connect(standing.local.database_url("incident"))
    await connection.execute("SET session_replication_role = replica")
    changed = f"UPDATE timeline SET happened_at = happened_at + '{by}' WHERE tenant = $1 AND case_id = $2"
    assert await connection.execute(f"{changed} AND step = 'claimed'", TENANT, receipt["case_id"]) == "UPDATE 1"
    await connection.close()


def test_many_are_decided_at_once_and_listed_page_by_page_and_exported_alike(standing: Standing) -> None:
    receipts = [standing.report(WAITS_FOR_AN_ACCEPTOR, unit=120 + n, text="暖气不热。") for n in range(5)]
    numbers = [receipt["case_no"] for receipt in receipts]
    wish = {"by_member": standing.desk, "move": "accept", "case_nos": [*numbers, "20200101-000001"]}
    answers = standing.done(standing.post("incident", "/v1/cases/moves", wish))
    assert [answer["status"] for answer in answers] == [200] * 5 + [404]
    for receipt in receipts:
        standing.order(receipt)

    for service, path in (("incident", "cases"), ("dispatch", "orders")):
        seen: list[str] = []
        cursor: str | None = None
        while True:
            page = standing.done(
                standing.get(service, f"/v1/{path}", category=WAITS_FOR_AN_ACCEPTOR, limit=2, after=cursor)
            )
            if cursor is None:
                assert page["total"] == {"count": 5, "more": False}
                # Whatever is added while somebody turns pages moves nothing; it waits, so it has no order.
                standing.report(WAITS_FOR_AN_ACCEPTOR, unit=130)
            seen += [item["case_no"] for item in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert sorted(seen) == sorted(numbers)
        file = standing.get(service, f"/v1/{path}.csv", category=WAITS_FOR_AN_ACCEPTOR)
        lines = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))
        assert set(numbers) <= {line["case_no"] for line in lines}


def test_after_a_day_without_services_each_deadline_is_told_once_late_in_order_and_to_both_levels(
    standing: Standing,
) -> None:
    claimed, unclaimed = (standing.report(PIPE, unit=n, text="水管爆了。") for n in (60, 70))
    handler = standing.act(standing.order(claimed), "claim", standing.order(claimed)["offered_to"][0])
    offered = standing.order(unclaimed)
    standing.rest()

    standing.later(timedelta(days=1))

    for receipt, order, stage, state, told in (
        (claimed, handler, "handle", "claimed", handler["member_id"]),
        (unclaimed, offered, "claim", "offered", offered["offered_to"][0]),
    ):
        raised = standing.until("the escalation", lambda r=receipt, s=state: gone_up(standing, r, s))  # type: ignore[misc]
        assert (raised["level"], raised["member_id"]) == ("grid", order["member_id"])
        standing.rest()
        check_once(standing, receipt, order, raised, told, stage)
    assert at(standing.order(unclaimed)["claim_by"]) > standing.now()

    standing.later(timedelta(0))
    standing.rest()
    check_once(standing, claimed, handler, standing.order(claimed, "claimed"), handler["member_id"], "handle")


def gone_up(standing: Standing, receipt: Json, state: str) -> Json | None:
    order = standing.order(receipt, state)
    return order if order["level"] != "micro_grid" else None


def check_once(standing: Standing, receipt: Json, before: Json, raised: Json, member: str, stage: str) -> None:
    """The member was warned, then told that the time is over; both organisations that it went up; each once."""
    heard = [m for m in standing.inbox(f"member:{member}", receipt) if m["template"] in ("deadline_near", "overdue")]
    assert [message["template"] for message in heard] == ["deadline_near", "overdue"]
    for org in (before["org_id"], raised["org_id"]):
        assert standing.told(f"org:{org}", receipt)["escalated"] == 1
    steps = standing.done(standing.get("incident", f"/v1/cases/{receipt['case_no']}"))["timeline"]
    [overdue] = [step for step in steps if step["step"] == "overdue"]
    assert overdue["details"]["stage"] == stage
    assert at(overdue["happened_at"]) - at(overdue["details"]["due_at"]) > timedelta(hours=12)
    assert sum(step["step"] == "escalated" for step in steps) == 1


def test_after_fourteen_days_a_reporter_can_say_nothing_more(standing: Standing) -> None:
    in_time, too_late = standing.report(unit=150), standing.report(unit=151)
    for receipt in (in_time, too_late):
        standing.closed(receipt)
    standing.later(timedelta(days=13))
    assert standing.done(standing.rate(in_time, satisfied=True))["satisfied"]
    standing.later(timedelta(days=1, minutes=10))

    def settled() -> bool | None:
        return standing.case(too_late, "closed")["settled_at"] is not None or None

    standing.until("the end of the reporter's time", settled)
    answer = standing.rate(too_late, satisfied=False)
    assert (answer.status_code, answer.json()["title"]) == (409, "Too late")
    shown = standing.done(standing.get("incident", f"/v1/track/{too_late['tracking_code']}"))
    assert not shown["feedback"]["open"]
