"""The desk hands in the responsibility list with a mistake, reads where it is, and hands in the right one."""

from __future__ import annotations

from deploy.local.linghe.street import RESPONSIBILITY
from deploy.local.morning.followed_report import Surprise
from deploy.local.morning.service_client import ServiceClient

PATH = "/v1/responsibility-list"
WRONG = {"line": 2, "column": "points"}


async def hand_in_lists(dispatch: ServiceClient) -> None:
    """Of the wrong list nothing is taken, and of the right one nothing is new: the street has it already."""
    before = await dispatch.look(f"{PATH}/versions")
    right = RESPONSIBILITY.read_text(encoding="utf-8")
    header, first, *others = right.splitlines()
    cells = dict(zip(header.split(","), first.split(","), strict=True)) | {WRONG["column"]: "五分"}
    wrong = "\n".join([header, ",".join(cells.values()), *others])
    refused = await dispatch.put_file(PATH, wrong.encode())
    named = [{name: each[name] for name in WRONG} for each in refused.json().get("errors", [])]
    if (refused.status_code, named) != (422, [WRONG]):
        raise Surprise(f"a list with a wrong cell was answered with {refused.status_code}: {refused.text[:300]}")
    taken = await dispatch.put_file(PATH, right.encode())
    if taken.is_error or any(taken.json()[change] for change in ("added", "changed", "removed")):
        raise Surprise(f"the list as it is was answered with {taken.status_code}: {taken.text[:300]}")
    if (after := await dispatch.look(f"{PATH}/versions")) != before:
        raise Surprise(f"the list has the versions {after} now, and had {before}")
