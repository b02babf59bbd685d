"""Whose inbox there is: of members and organisations that dispatch has told of, also before there is anything in it."""

from __future__ import annotations

import httpx
import pytest

from libs.chassis.db.ids import new_id
from libs.contracts.dispatch import UnitChanged
from libs.contracts.values import Level, OrgKind
from tests.support.notify import TENANT, changed, offered
from tests.support.stage import NOON, MakeStage, Stage

ORGANISATION = UnitChanged(
    tenant=TENANT,
    occurred_at=NOON,
    code="37078400420101",
    level=Level.MICRO_GRID,
    parent="370784004201",
    name="凌河村一微",
    org_id="P4",
    org_name="一组",
    org_kind=OrgKind.PARTY_GROUP,
)


@pytest.fixture
async def notify(stage: MakeStage) -> Stage:
    return await stage("notify")


async def inbox(notify: Stage, who: str) -> httpx.Response:
    return await notify.http.get(f"/v1/recipients/{who}/inbox", params={"tenant": TENANT})


async def test_an_inbox_is_empty_where_its_owner_is_known_and_404_by_the_name_that_is_not(notify: Stage) -> None:
    nowhere = await inbox(notify, "member:M0001")
    assert (nowhere.status_code, nowhere.json()["detail"]) == (404, f"There is no street {TENANT} here.")
    for _ in range(2):
        await notify.hear(changed(None), ORGANISATION)
    for who in ("member:M0001", "org:P4"):
        known = await inbox(notify, who)
        assert (known.status_code, known.json()) == (200, []), who
    for who in ("member:M404", "org:P404", f"reporter:{new_id()}"):
        unknown = await inbox(notify, who)
        assert unknown.status_code == 404
        assert unknown.json()["detail"] == f"Street {TENANT} has no recipient {who}."


PREFERENCES = "/v1/recipients/member:M404/preferences"


@pytest.mark.parametrize("path", [PREFERENCES, "/v1/deliveries/counts", "/v1/deliveries/latency"])
async def test_a_street_and_a_recipient_that_are_not_here_are_404_by_their_names(notify: Stage, path: str) -> None:
    nowhere = await notify.http.get(path, params={"tenant": TENANT})
    assert (nowhere.status_code, nowhere.json()["detail"]) == (404, f"There is no street {TENANT} here.")
    await notify.hear(changed(None))
    here = await notify.http.get(path, params={"tenant": TENANT})
    assert here.status_code == (404 if path == PREFERENCES else 200)


async def test_nobody_sets_preferences_of_a_recipient_that_is_not_here(notify: Stage) -> None:
    await notify.hear(changed(None))
    unknown = await notify.http.put(PREFERENCES, params={"tenant": TENANT}, json={"email": False})
    said = f"Street {TENANT} has no recipient member:M404."
    assert (unknown.status_code, unknown.json()["detail"]) == (404, said)


async def test_who_has_messages_has_an_inbox_whatever_was_told_of_them(notify: Stage) -> None:
    await notify.hear(offered("M0007"))
    assert [message["template"] for message in (await inbox(notify, "member:M0007")).json()] == ["offered"]
