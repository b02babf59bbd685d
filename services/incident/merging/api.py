"""Merging cases and putting them under others, over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from libs.chassis.http import CommandsDep
from services.incident.cases.requests import CASE_NO, ByMember, CaseNo, Decided, Reason
from services.incident.merging.domain import MergeCase, SetParent, UnmergeCase

router = APIRouter(tags=["staff"])


class Merging(ByMember):
    into: Annotated[str, Field(pattern=CASE_NO, description="The case that survives.", examples=["20261123-000041"])]
    note: Reason | None = None


class Unmerging(ByMember):
    note: Reason


class Parent(ByMember):
    parent: Annotated[str, Field(pattern=CASE_NO)] | None = Field(description="None takes the case out again.")


@router.post("/v1/cases/{case_no}/merge")
async def merge(case_no: CaseNo, body: Merging, commands: CommandsDep) -> Decided:
    """Merge a case into another of the same matter (合并), which survives and which all reporters then follow."""
    done = await commands.send(MergeCase(body.tenant, case_no, body.into, body.by_member, body.note))
    return Decided.model_validate(done)


@router.post("/v1/cases/{case_no}/unmerge")
async def unmerge(case_no: CaseNo, body: Unmerging, commands: CommandsDep) -> Decided:
    """Take a merged case out again (取消合并): it is registered on its own; what happened in between is kept."""
    done = await commands.send(UnmergeCase(body.tenant, case_no, body.by_member, body.note))
    return Decided.model_validate(done)


@router.put("/v1/cases/{case_no}/parent")
async def set_parent(case_no: CaseNo, body: Parent, commands: CommandsDep) -> Decided:
    """Make a case a part of another (子案件), or take it out: a link, each goes its own way."""
    done = await commands.send(SetParent(body.tenant, case_no, body.parent, body.by_member))
    return Decided.model_validate(done)
