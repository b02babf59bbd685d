"""What those who help with an order do, in the scripted life of cases."""

from __future__ import annotations

from tests.support.four_services import TENANT, FourServices

COMMUNITIES = (f"{TENANT}01", f"{TENANT}02")


async def help_each_other(life: FourServices, order_url: str, by: str, helper: str) -> None:
    """Two communities are asked; one is done, the other called off."""
    for unit in COMMUNITIES:
        wish = {"member_id": by, "unit": unit, "task": "配合封闭路口"}
        order = (await life.ask("dispatch", "POST", f"{order_url}/helpers", wish)).json()
        await life.ask("dispatch", "GET", f"/v1/helpers?unit={unit}")
    await life.ask("dispatch", "GET", "/v1/helpers")
    done, off = (f"{order_url}/helpers/{help['help_id']}" for help in order["helpers"])
    await life.ask("dispatch", "POST", f"{done}/finish", {"member_id": helper, "note": "已封闭"})
    await life.ask("dispatch", "POST", f"{off}/call_off", {"member_id": by, "reason": "不再需要"})
