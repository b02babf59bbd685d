"""Who the ids and codes are that facts and lists name, on real PostgreSQL."""

from __future__ import annotations

import httpx
import pytest

from tests.support.dispatch import TENANT
from tests.support.stage import Stage


async def test_ids_and_codes_are_looked_up_without_a_contact(dispatch: Stage) -> None:
    async def get(path: str) -> object:
        answer = await dispatch.http.get(f"/v1/{path}", params={"tenant": TENANT})
        assert answer.status_code == 200, answer.text
        return answer.json()

    assert await get("members/M1") == {
        "member_id": "M1",
        "name": "成员1",
        "kind": "volunteer",
        "unit": "37078400420101",
        "unit_name": "凌河村一微",
        "org_id": "P4",
        "org_name": "一组",
    }
    assert await get("organisations/P3") == {
        "org_id": "P3",
        "name": "凌河村支部",
        "kind": "branch",
        "unit": "370784004201",
        "unit_name": "凌河村",
    }
    assert await get("units/37078400401") == {
        "code": "37078400401",
        "name": "一社区",
        "level": "community",
        "parent": TENANT,
        "path": ["凌河街道", "一社区"],
        "org_id": "P2",
        "org_name": "一社区党委",
    }
    serving = (await dispatch.http.get("/v1/members", params={"tenant": TENANT, "unit": "370784004201"})).json()
    assert await get("members/M1") in serving
    assert {member["unit"][:12] for member in serving} == {"370784004201"}
    answering = (await dispatch.http.get("/v1/organisations", params={"tenant": TENANT})).json()
    assert await get("organisations/P3") in answering
    assert [each["unit"] for each in answering] == sorted(each["unit"] for each in answering)


NO_ID = "00000000-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("orders?member_id=M9999", "member M9999"),
        ("orders?unit=37078400499", "unit 37078400499"),
        ("absences?member_id=M9999", "member M9999"),
        ("approvals?org_id=P9999", "organisation P9999"),
        (f"orders/{NO_ID}/approvals", f"order {NO_ID}"),
        ("inspections?member_id=M9999", "member M9999"),
        ("inspections?org_id=P9999", "organisation P9999"),
        (f"orders/{NO_ID}/inspections", f"order {NO_ID}"),
        ("helpers?unit=37078400499", "unit 37078400499"),
        ("helpers?member_id=M9999", "member M9999"),
        ("members/M9999/patrols", "member M9999"),
        (f"campaigns/{NO_ID}/rounds", f"campaign {NO_ID}"),
        (f"patrols/rounds/{NO_ID}/tasks", f"round {NO_ID}"),
        (f"patrols/rounds/{NO_ID}/tasks/37078400420101/visits", f"round {NO_ID}"),
        ("patrols/coverage?first=2026-11-23&under=37078400499", "unit 37078400499"),
    ],
)
async def test_a_list_is_404_by_the_name_of_what_is_unknown(dispatch: Stage, path: str, named: str) -> None:
    url = httpx.URL(f"/v1/{path}").copy_add_param("tenant", TENANT)
    answer = await dispatch.http.get(url)
    assert (answer.status_code, answer.json()["detail"]) == (404, f"Street {TENANT} has no {named}.")


LISTS = (
    "absences",
    "approvals?org_id=P4",
    "campaigns",
    "components",
    "helpers",
    "inspections",
    "members/M1/patrols",
    "orders",
    "responsibility-list",
    "responsibility-list.csv",
    "responsibility-list/versions",
)


@pytest.mark.parametrize("path", LISTS)
async def test_a_list_of_a_street_that_is_not_here_says_so_and_one_that_is_may_be_empty(
    dispatch: Stage, path: str
) -> None:
    url = httpx.URL(f"/v1/{path}")
    elsewhere = await dispatch.http.get(url.copy_add_param("tenant", "370784999"))
    assert (elsewhere.status_code, elsewhere.json()["detail"]) == (404, "There is no street 370784999 here.")
    assert (await dispatch.http.get(url.copy_add_param("tenant", TENANT))).status_code == 200


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("members/M9999", "member M9999"),
        ("members?unit=37078400499", "unit 37078400499"),
        ("organisations/P9999", "organisation P9999"),
        ("units/37078400499", "unit 37078400499"),
    ],
)
async def test_what_the_street_does_not_have_is_named(dispatch: Stage, path: str, named: str) -> None:
    url = httpx.URL(f"/v1/{path}")
    answer = await dispatch.http.get(url.copy_add_param("tenant", TENANT))
    assert (answer.status_code, answer.json()["detail"]) == (404, f"Street {TENANT} has no {named}.")
    elsewhere = await dispatch.http.get(url.copy_add_param("tenant", "370784999"))
    assert elsewhere.json()["detail"] == "There is no street 370784999 here."
