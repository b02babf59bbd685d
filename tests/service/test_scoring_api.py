"""Points over HTTP: standings, rankings, the rules, and the proof that the ledger adds up."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

import pytest

from services.scoring.rules.rules_file import SHIPPED, RulesNotUsable, load
from tests.support.scoring import TENANT, checked, evaluated, member, reopened, staffed, unit
from tests.support.stage import NOON, MakeStage, Stage, stamped


@pytest.fixture
async def scoring(stage: MakeStage) -> Stage:
    return await staffed(stage)


async def test_a_member_sees_points_by_dimension_and_the_last_transactions(scoring: Stage) -> None:
    check = stamped(checked())
    await scoring.hear(check)
    await scoring.hear(evaluated(check))
    shown = (await scoring.http.get("/v1/members/M1/points", params={"tenant": TENANT})).json()
    assert (shown["name"], shown["org_name"], shown["points"]) == ("成员M1", "小组P1", 8)
    assert shown["by_dimension"] == {"学习争先": 0, "服务争先": 2, "治理争先": 5, "文明争先": 0, "奉献争先": 1}
    assert (shown["postings"][0]["rule"], shown["postings"][0]["points"]) == ("reporter_satisfied", 2)
    assert {p["rule"] for p in shown["postings"][1:]} == {"handled_and_checked", "handled_on_time"}
    last = (await scoring.http.get("/v1/members/M1/points", params={"tenant": TENANT, "limit": 1})).json()
    assert (last["points"], len(last["postings"])) == (8, 1)


async def test_a_reversal_is_shown_with_what_it_reverses(scoring: Stage) -> None:
    check = stamped(checked(on_time=False))
    await scoring.hear(check)
    await scoring.hear(reopened(check))
    shown = (await scoring.http.get("/v1/members/M1/points", params={"tenant": TENANT})).json()
    taken, earned = shown["postings"]
    assert shown["points"] == 0
    assert (taken["points"], taken["reverses"], taken["because"]) == (-5, earned["transaction_id"], "reopened")


async def test_a_member_that_nobody_knows_is_not_found(scoring: Stage) -> None:
    answer = await scoring.http.get("/v1/members/M404/points", params={"tenant": TENANT})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_the_ranking_shares_ranks_and_leaves_out_who_no_longer_serves(scoring: Stage) -> None:
    await scoring.hear(checked(), checked(handler="M2"), checked(handler="M3"), checked(handler="M4", points=9))
    await scoring.hear(member("M4", "P1"), member("M4", "P1", at=NOON + timedelta(days=1), active=False))
    ranked = (await scoring.http.get("/v1/ranking", params={"tenant": TENANT, "limit": 3})).json()
    assert [(r["rank"], r["member_id"], r["points"]) for r in ranked] == [(1, "M1", 6), (1, "M2", 6), (1, "M3", 6)]
    assert (ranked[0]["name"], ranked[0]["org_name"], ranked[2]["name"]) == ("成员M1", "小组P1", None)
    checkers = await scoring.http.get("/v1/ranking", params={"tenant": TENANT, "dimension": "文明争先"})
    assert [(r["rank"], r["member_id"], r["points"]) for r in checkers.json()] == [(1, "M9", 4)]


async def test_another_street_has_a_ranking_of_its_own(scoring: Stage) -> None:
    await scoring.hear(checked(), stamped(unit("P1").model_copy(update={"tenant": "370784005"})))
    assert (await scoring.http.get("/v1/ranking", params={"tenant": "370784005"})).json() == []


@pytest.mark.parametrize(
    "path", ["ranking", "orgs/ranking", "members/M1/points", "orgs/P1/evaluations", "ledger/check"]
)
async def test_a_street_that_is_not_here_is_404_by_its_name(scoring: Stage, path: str) -> None:
    answer = await scoring.http.get(f"/v1/{path}", params={"tenant": "370784005"})
    assert (answer.status_code, answer.json()["detail"]) == (404, "There is no street 370784005 here.")


async def test_an_organisation_that_is_not_here_is_404_by_its_name(scoring: Stage) -> None:
    answer = await scoring.http.get("/v1/orgs/P404/evaluations", params={"tenant": TENANT})
    assert (answer.status_code, answer.json()["detail"]) == (404, f"Street {TENANT} has no organisation P404.")
    assert (await scoring.http.get("/v1/orgs/P1/evaluations", params={"tenant": TENANT})).status_code == 200


async def test_a_dimension_that_is_not_in_the_rules_is_refused_with_those_that_are(scoring: Stage) -> None:
    answer = await scoring.http.get("/v1/ranking", params={"tenant": TENANT, "dimension": "别的"})
    assert answer.status_code == 422
    assert answer.json()["allowed"] == ["学习争先", "服务争先", "治理争先", "文明争先", "奉献争先"]


async def test_organisations_are_ranked_by_the_points_of_their_members(scoring: Stage) -> None:
    await scoring.hear(checked(), checked(handler="M2"))
    ranked = (await scoring.http.get("/v1/orgs/ranking", params={"tenant": TENANT})).json()
    assert ranked == [
        {"rank": 1, "org_id": "P1", "org_name": "小组P1", "points": 12},
        {"rank": 2, "org_id": "P2", "org_name": "小组P2", "points": 2},
    ]


async def test_the_latest_name_of_a_member_and_an_organisation_wins_in_any_order(scoring: Stage) -> None:
    later = NOON + timedelta(days=1)
    await scoring.hear(member("M1", "P2", name="新名", at=later), unit("P2", name="新组", at=later))
    await scoring.hear(member("M1", "P1", name="旧名"), unit("P2", name="旧组"))
    shown = (await scoring.http.get("/v1/members/M1/points", params={"tenant": TENANT})).json()
    assert (shown["name"], shown["org_name"]) == ("新名", "新组")


async def test_the_ledger_proves_that_it_adds_up(scoring: Stage) -> None:
    await scoring.hear(checked(), checked(handler="M2"))
    shown = (await scoring.http.get("/v1/ledger/check", params={"tenant": TENANT})).json()
    assert shown == {
        "adds_up": True,
        "sum_of_balances": 0,
        "sum_of_postings": 0,
        "transactions": 6,
        "differences": [],
    }


async def test_the_rules_are_shown_as_the_file_has_them(scoring: Stage) -> None:
    shown = (await scoring.http.get("/v1/rules")).json()
    shipped = load(SHIPPED)
    assert (shown["version"], shown["dimensions"]) == (shipped.version, list(shipped.dimensions))
    assert [rule["name"] for rule in shown["rules"]] == [rule.name for rule in shipped.rules]
    handled = {rule["name"]: rule for rule in shown["rules"]}["handled_and_checked"]
    assert handled == {
        "name": "handled_and_checked",
        "event": "wangge.dispatch.checked.v1",
        "who": "handler",
        "when": {"passed": True, "own_report": False},
        "points": "category",
        "dimension": "治理争先",
        "daily_cap": 60,
    }


async def test_a_street_may_have_rules_of_its_own_and_bad_ones_stop_the_start(stage: MakeStage) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rules.toml"
        file.write_text(
            SHIPPED.read_text("utf-8").replace(f"version = {load(SHIPPED).version}\n", "version = 9000\n"), "utf-8"
        )
        running = await stage("scoring", WANGGE_SCORING_RULES_FILE=str(file))
        assert (await running.http.get("/v1/rules")).json()["version"] == 9000
        file.write_text("version = 9001\n", "utf-8")
        with pytest.raises(RulesNotUsable, match="dimensions: is needed"):
            await stage("scoring", WANGGE_SCORING_RULES_FILE=str(file))
