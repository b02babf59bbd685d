"""Following over HTTP."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, ConfigDict, Field

from libs.chassis.http import Body, CommandsDep
from libs.contracts.message import Tenant
from services.incident.cases.domain.tracking_code import TRACKING_BITS, tracking_code
from services.incident.cases.requests import CASE_NO, Contact, IssuedCode, fit_key, sealer_for
from services.incident.following.domain import FollowCase, UnfollowCase
from services.incident.settings import Settings

router = APIRouter(tags=["following"])
WEB = "web"


class FollowBody(Body):
    tenant: Tenant
    case_no: Annotated[str, Field(pattern=CASE_NO, examples=["20261123-000042"])]
    contact: Contact | None = Field(None, description="Where to hear of it; without one only the code shows it.")


class FollowingView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    case_no: str
    tracking_code: str
    followers: int = Field(description="How many follow it now, besides those who reported it.")
    note: str | None = Field(None, description="What who follows should know, in their language; seldom there.")


@router.post("/v1/follow", status_code=201, response_model_exclude_none=True)
async def follow(
    body: FollowBody, commands: CommandsDep, request: Request, idempotency_key: Annotated[str | None, Header()] = None
) -> FollowingView:
    """Follow a case that somebody has reported (关注): hear what its reporter hears, and count with it."""
    key, code = fit_key(idempotency_key), tracking_code(secrets.randbits(TRACKING_BITS))
    sealer = sealer_for(Settings.of(request.app.state).notify_public_key)
    sealed = sealer.seal(body.contact.to_seal(code)) if body.contact else None
    following = FollowingView.model_validate(
        await commands.send(FollowCase(body.tenant, body.case_no, WEB, key, code, sealed))
    )
    return following.model_copy(update={"note": body.contact.note if body.contact else None})


@router.post("/v1/track/{code}/unfollow", response_model_exclude_none=True)
async def unfollow(code: IssuedCode, commands: CommandsDep) -> FollowingView:
    """Hear of it no more."""
    return FollowingView.model_validate(await commands.send(UnfollowCase(code)))
