"""Cases merged, taken apart again, and put under others."""

from __future__ import annotations

from libs.chassis.db.database import Database
from libs.chassis.handlers import Answer, Batch, EventRouter
from services.incident.merging.batch import merge_batch
from services.incident.merging.domain import MergeCase, SetParent, UnmergeCase

router = EventRouter("incident")


@router.answers(MergeCase)
async def merge_cases(commands: Batch[MergeCase], db: Database) -> list[Answer]:
    async with merge_batch(db, [(c.tenant, n) for c in commands for n in (c.case_no, c.into)], commands.now) as batch:
        return [batch.merge(command) for command in commands]


@router.answers(UnmergeCase)
async def unmerge_cases(commands: Batch[UnmergeCase], db: Database) -> list[Answer]:
    async with merge_batch(db, [(c.tenant, c.case_no) for c in commands], commands.now) as batch:
        return [batch.unmerge(command) for command in commands]


@router.answers(SetParent)
async def set_parents(commands: Batch[SetParent], db: Database) -> list[Answer]:
    named = [(c.tenant, n) for c in commands for n in (c.case_no, c.parent) if n is not None]
    async with merge_batch(db, named, commands.now) as batch:
        return [batch.set_parent(command) for command in commands]
