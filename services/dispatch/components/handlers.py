"""Components, imported: one file of a street after the other."""

from __future__ import annotations

from libs.chassis.db.database import Database
from libs.chassis.handlers import Answer, Batch, Done, EventRouter, Refused
from libs.sentences import Sentence
from services.dispatch.components import importing as inventory
from services.dispatch.components import tables as component_tables
from services.dispatch.components.domain.commands import ImportComponents
from services.dispatch.street import tables as street_tables

router = EventRouter("dispatch")


@router.answers(ImportComponents)
async def import_components(commands: Batch[ImportComponents], db: Database) -> list[Answer]:
    """One after the other: each finds what the one before it has left."""
    for tenant in sorted({command.tenant for command in commands}):
        await street_tables.wait_for_other_imports(db, tenant)
    answers: list[Answer] = []
    for command in commands:
        known = await component_tables.version_of(db, command.tenant)
        if known is None or known.street != command.street_version:
            answers.append(Refused(409, "Changed meanwhile", STREET_CHANGED))
        elif command.onto is not None and command.onto != known.inventory:
            reason = Sentence(
                f"部件清单现在是第 {known.inventory} 版，不是第 {command.onto} 版：请重新预览",
                f"the inventory has version {known.inventory} by now, not {command.onto}: preview the import again",
            )
            answers.append(Refused(409, "Changed meanwhile", reason, {"version": known.inventory}))
        else:
            wanted = command.components
            change = await inventory.difference(db, command.tenant, wanted, retire_others=command.replace)
            answers.append(Done(await inventory.put_in_force(db, command.tenant, change, commands.now)))
    return answers


STREET_CHANGED = Sentence(
    "读取文件期间街道的网格或组织有变动：请重新导入",
    "the units or organisations of the street have changed while the file was read: import it again",
)
