"""The responsibility list: imported, and told to who takes reports when a day begins on which it changes by itself."""

from __future__ import annotations

from collections.abc import Sequence

from libs.chassis.db.database import Database
from libs.chassis.handlers import Answer, Batch, Done, EventRouter, Refused
from libs.contracts.message import Event
from libs.sentences import Sentence
from services.dispatch.responsibility import importing as responsibility_list
from services.dispatch.responsibility.domain.commands import ImportList
from services.dispatch.responsibility.importing import ListTurns

router = EventRouter("dispatch")


@router.answers(ImportList)
async def import_lists(commands: Batch[ImportList], db: Database) -> list[Answer]:
    """One after the other: each finds what the one before it has left."""
    for tenant in sorted({command.tenant for command in commands}):
        await responsibility_list.wait_for_other_imports(db, tenant)
    answers: list[Answer] = []
    for command in commands:
        change = await responsibility_list.compare(db, command.tenant, command.rows, commands.now)
        if command.onto is not None and command.onto != change.version:
            reason = Sentence(
                f"清单现在是第 {change.version} 版，不是第 {command.onto} 版：请重新预览",
                f"the list has version {change.version} by now, not {command.onto}: preview the import again",
            )
            answers.append(Refused(409, "Changed meanwhile", reason, {"version": change.version}))
        else:
            answers.append(Done(*await responsibility_list.put_in_force(db, command.tenant, change, commands.now)))
    return answers


@router.due(ListTurns)
async def turn_lists(turns: Batch[ListTurns], db: Database) -> Sequence[Event]:
    facts: list[Event] = []
    for tenant in sorted({due.tenant for due in turns}):
        facts += await responsibility_list.turn(db, tenant, turns.now)
    return facts
