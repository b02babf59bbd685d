"""Taking a report back, over HTTP."""

from __future__ import annotations

from fastapi import APIRouter

from libs.chassis.http import Body, CommandsDep
from services.incident.cases.requests import Decided, IssuedCode, Reason
from services.incident.withdrawing.domain import WithdrawCase

router = APIRouter(tags=["following"])


class Withdrawal(Body):
    words: Reason | None = None


@router.post("/v1/track/{code}/withdraw")
async def withdraw(code: IssuedCode, body: Withdrawal, commands: CommandsDep) -> Decided:
    """Take a report back (撤回), before somebody of the grid has taken it on."""
    return Decided.model_validate(await commands.send(WithdrawCase(code, body.words)))
